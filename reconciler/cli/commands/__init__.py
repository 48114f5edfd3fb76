"""One file a command: parses its options, calls one use case, shows the result."""
