"""Decides whether nodes, quotas and limits allow the target pod of a migration."""
