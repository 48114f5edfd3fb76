"""What a person sees of a command: the screen, progress, logs, errors and exit codes."""
