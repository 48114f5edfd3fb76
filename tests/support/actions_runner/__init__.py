"""A small runner of composite actions and of workflow jobs, in the way of GitHub's runner."""
