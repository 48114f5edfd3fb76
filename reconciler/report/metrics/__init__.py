"""Builds Prometheus metrics from the state and the counters of a ``serve`` process or a run."""
