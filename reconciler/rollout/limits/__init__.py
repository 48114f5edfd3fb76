"""The limits on changes: windows, canaries, batches, capacity, approval and concurrency."""
