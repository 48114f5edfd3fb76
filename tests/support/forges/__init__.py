"""Local servers that answer like GitHub, GitLab and Gitea."""
