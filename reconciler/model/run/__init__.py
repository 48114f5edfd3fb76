"""What became of a plan: outcomes, progress, and what one run leaves to the next."""
