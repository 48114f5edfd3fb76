"""What the cluster says: one snapshot, and its form as a file."""
