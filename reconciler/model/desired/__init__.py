"""What Git says: the desired state and the configuration."""
