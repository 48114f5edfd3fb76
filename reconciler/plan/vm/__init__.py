"""What happens to one VM."""
