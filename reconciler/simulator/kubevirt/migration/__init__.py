"""Migrations, from Pending to their end."""
