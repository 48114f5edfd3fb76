"""Forecasts how long the memory wave takes, and states the assumptions."""
