"""Lists and watches objects, and stores their newest decoded state."""
