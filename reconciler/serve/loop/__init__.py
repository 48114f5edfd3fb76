"""The main loop of ``serve``: plans, displays the plan, and starts a rollout when one is due."""
