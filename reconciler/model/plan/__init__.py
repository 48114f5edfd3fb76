"""What will happen: decisions, actions, waves, and what was approved of them."""
