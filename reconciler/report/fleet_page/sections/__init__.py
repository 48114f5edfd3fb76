"""Renders the sections of the live pages; each section has an upper limit for its size."""
