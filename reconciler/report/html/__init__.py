"""Renders a plan as one HTML page without external resources; ``plan_html`` is the entry."""
