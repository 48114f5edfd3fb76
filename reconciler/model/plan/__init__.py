"""The plan: decisions, actions, waves, and the approval of actions."""
