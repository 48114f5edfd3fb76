"""What ``reconciler serve`` knows at one moment."""
