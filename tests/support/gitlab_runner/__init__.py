"""A small runner of GitLab CI pipelines, in the way of GitLab Runner's bash executor."""
