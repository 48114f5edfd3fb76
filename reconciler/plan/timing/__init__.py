"""How long a change takes and disturbs, and when it may start."""
