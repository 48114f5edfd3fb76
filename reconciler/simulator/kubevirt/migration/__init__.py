"""Simulates VM migrations from the phase Pending to Succeeded or Failed."""
