"""The decisions, pure: what will happen to each object, and the patches that make it so."""
