"""The command line, which reads options, runs one use case, and prints the result."""
