"""World files: simulated clusters as data."""
