"""What holds a change back: windows, canaries, batches, capacity, approval, concurrency."""
