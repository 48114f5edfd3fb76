"""The state of ``reconciler serve`` at one moment."""
