"""Forecasts how long a plan's memory changes take, and states the assumptions."""
