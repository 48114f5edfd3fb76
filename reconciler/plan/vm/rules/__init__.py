"""Defines the rules that decide the effect on a VM; the first applicable rule decides."""
