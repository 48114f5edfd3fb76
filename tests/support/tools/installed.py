"""Finds programs and data that ``.ci/tools.py`` installs, or skips the test that needs them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[3] / ".ci" / "tools.py"
REQUIRE = "RECONCILER_REQUIRE"
"""The environment variable that lists required tools, separated by commas."""


def tool(name: str) -> Path:
    """Return the path of the development tool *name*.

    If the tool is not installed, the test fails if RECONCILER_REQUIRE lists the tool; otherwise
    the test is skipped.
    """
    entry = _entries().get(name)
    found = entry.find() if entry else None
    if found is None:
        reason = entry.advice if entry else f"{name} is missing, because this is not a checkout"
        if name in os.environ.get(REQUIRE, "").split(","):
            pytest.fail(f"{REQUIRE} lists {name}, but {reason}")
        pytest.skip(reason)
    return found


def _entries() -> dict:
    if not TABLE.exists():
        return {}
    if "ci_tools" not in sys.modules:
        spec = importlib.util.spec_from_file_location("ci_tools", TABLE)
        sys.modules["ci_tools"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["ci_tools"])
    return {each.name: each for each in sys.modules["ci_tools"].TOOLS}
