"""Represents a request, checks its body, schema, names and admission, and builds errors."""
