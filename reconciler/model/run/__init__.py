"""The values of a run: its progress, its outcomes, and what it leaves to the next run."""
