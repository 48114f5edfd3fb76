"""Lists and watches each kind, and keeps the newest decoded objects in a store."""
