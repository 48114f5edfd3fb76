"""Objects at rest: encoded, versioned, owned, with the log of their changes."""
