"""Metrics for Prometheus, made from the state of a process and from its counters."""
