"""Renders plans and diagnostics in the formats that code review tools show at lines of files."""
