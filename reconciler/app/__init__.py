"""The use cases, and the composition root that hands them their readers, writers and clocks."""
