"""Creates the readers, writers and clocks that the use cases need."""
