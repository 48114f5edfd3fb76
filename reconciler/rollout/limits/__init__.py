"""Limits when VM changes can start: windows, canaries, batches, capacity, approval, rate."""
