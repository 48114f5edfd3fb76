"""Renders a plan as one HTML page without external resources; the entry point is ``plan_html``."""
