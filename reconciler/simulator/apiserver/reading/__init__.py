"""GET, LIST and WATCH."""
