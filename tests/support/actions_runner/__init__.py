"""A small runner of composite actions and workflow jobs that behaves like the GitHub runner."""
