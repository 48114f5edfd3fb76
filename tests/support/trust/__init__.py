"""A hostile pull request, and a record of everything that a command opens, starts and contacts."""
