"""The output of commands: results, progress, logs and errors."""
