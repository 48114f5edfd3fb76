"""Renders plans and diagnostics in formats that code review tools show next to source lines."""
