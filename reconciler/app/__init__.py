"""The use cases, and the code that builds the readers, writers and clocks for them."""
