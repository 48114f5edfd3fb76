"""Settings of all tests: a slow machine makes none of them fail, and the collector rests."""

from __future__ import annotations

import gc

from hypothesis import settings

settings.register_profile("any machine", parent=settings(), deadline=None)
settings.load_profile("any machine")


def pytest_collection_finish():
    """Leave what was imported and collected out of every later collection of garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
