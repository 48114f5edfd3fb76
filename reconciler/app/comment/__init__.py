"""The use case of the command ``reconciler comment``."""
