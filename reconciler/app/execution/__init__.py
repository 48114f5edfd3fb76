"""Applies a plan: takes the leases, carries out the actions, and writes the trace."""
