"""Each object from its first write to its end, and what later runs must know of it."""
