"""The values that every other package speaks in: frozen, and importing nothing of the product."""
