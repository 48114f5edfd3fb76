"""Renders what a run left, a plan or a report, as the comment on a pull request."""
