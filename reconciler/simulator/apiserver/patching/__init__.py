"""The patch formats that an API server takes."""
