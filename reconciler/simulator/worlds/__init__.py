"""World files: a simulated cluster as data."""
