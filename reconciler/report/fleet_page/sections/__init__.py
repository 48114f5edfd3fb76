"""Renders the sections of the status pages; each section has a size limit."""
