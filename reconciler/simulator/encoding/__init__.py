"""Objects as bytes."""
