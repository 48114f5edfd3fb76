"""Decides which nodes and quotas have capacity for the target pods of migrations."""
