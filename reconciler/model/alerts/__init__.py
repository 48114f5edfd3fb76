"""Represents Prometheus alerts that pause a rollout, and the matchers that select alerts."""
