"""Migrations, from Pending to Succeeded or Failed."""
