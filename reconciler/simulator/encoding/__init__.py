"""The encodings of objects as bytes."""
