"""The commands, one per module: each runs one use case and shows its result."""
