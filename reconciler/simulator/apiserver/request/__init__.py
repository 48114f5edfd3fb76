"""Represents requests, validates bodies, schemas, names and admission, and builds errors."""
