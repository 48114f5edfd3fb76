"""Local test servers that imitate the APIs of GitHub, GitLab and Gitea."""
