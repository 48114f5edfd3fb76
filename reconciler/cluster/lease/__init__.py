"""The right to write, held as a Lease."""
