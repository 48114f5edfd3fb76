"""Decides whether nodes, quotas and LimitRanges allow the target pod of a migration."""
