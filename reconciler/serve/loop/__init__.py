"""The loop of ``serve``: plans, shows the plan, decides when a run is due, and starts it."""
