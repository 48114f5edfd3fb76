"""Posts comments and commit statuses to GitHub, GitLab, Gitea and Forgejo."""
