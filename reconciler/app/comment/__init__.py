"""The use case of ``reconciler comment``."""
