"""What a command prints: results, progress, logs and errors."""
