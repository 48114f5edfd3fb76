"""Applies a plan: acquires the leases, sends the writes, and writes the trace."""
