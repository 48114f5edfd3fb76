"""Simulates migrations, from Pending to Succeeded or Failed."""
