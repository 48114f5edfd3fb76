"""Limits on changes: windows, canaries, batches, capacity, approval and concurrency."""
