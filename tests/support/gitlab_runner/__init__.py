"""A small runner of GitLab CI pipelines that behaves like the bash executor of GitLab Runner."""
