"""Renders plans and diagnostics in formats that code review tools show beside the lines."""
