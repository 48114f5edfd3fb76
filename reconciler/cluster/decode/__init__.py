"""From JSON of the API server to values; pure."""
