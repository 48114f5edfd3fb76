"""Decides which nodes and quotas have capacity for target pods."""
