"""Represents Prometheus alerts that pause a rollout, and the matchers in Git that select them."""
