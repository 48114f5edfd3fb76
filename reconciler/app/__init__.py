"""The use cases, and the wiring that builds the readers, writers and clocks they need."""
