"""Renders plans and manifest problems in formats that code review tools show next to the code."""
