"""Limits when VM changes may start: windows, canaries, batches, capacity, approval, rate."""
