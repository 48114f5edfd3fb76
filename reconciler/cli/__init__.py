"""The command line: reads flags, wires adapters to rooms, shows results, picks the exit code."""
