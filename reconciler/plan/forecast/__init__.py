"""How long the memory wave takes, and what that rests on."""
