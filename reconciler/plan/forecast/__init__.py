"""Forecasts how long the memory changes of a plan take, and states the assumptions."""
