"""The command line: reads options, runs one use case, and prints its result."""
