"""Settings of all tests: no deadline per example, and fewer garbage collections."""

from __future__ import annotations

import gc

from hypothesis import settings

settings.register_profile("any machine", parent=settings(), deadline=None)
settings.load_profile("any machine")


def pytest_collection_finish():
    """Exclude the objects that exist after collection from later garbage collections."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
