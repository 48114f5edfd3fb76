"""Settings for all tests: fixed random examples, no deadlines, and less garbage collection."""

from __future__ import annotations

import gc
import logging
import sys

import pytest
from hypothesis import settings

# jsonschema imports this package, which a development tool needs, for formats that no schema here
# contains. The import takes 1.5 s in each worker, because it compiles 38 grammars.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
gc.disable()  # until ``pytest_collection_finish``, because almost nothing becomes garbage
settings.register_profile("any machine", parent=settings(), deadline=None, derandomize=True)
settings.load_profile("any machine")


def pytest_collection_finish():
    """Exclude objects that exist after test collection from later garbage collections."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def _own_logging():
    """Restore the log levels and handlers that a command changes, for example with ``-vv``."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, ("reconciler", "reconciler.requests"))]
    levels, handlers = [each.level for each in loggers], list(root.handlers)
    yield
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)
    root.handlers[:] = [each for each in root.handlers if each in handlers]
