"""Which nodes and quotas can take target pods."""
