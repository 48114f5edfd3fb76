"""The conditions of an object: ``Condition``, by type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; an object has at most one of each type."""

    status: str
    """``True``, ``False`` or ``Unknown``."""
    reason: str = ""
    message: str = ""
    since: datetime | None = None


Conditions = Mapping[str, Condition]
"""The conditions of an object by type."""

HOT_MEMORY_CHANGE = "HotMemoryChange"
"""Condition of an instance: True while its memory changes, False after a refused plug."""


def is_true(conditions: Conditions, name: str) -> bool:
    """Return whether the condition *name* exists and is True."""
    found = conditions.get(name)
    return found is not None and found.status == "True"


def is_false(conditions: Conditions, name: str) -> bool:
    """Return whether the condition *name* exists and is False."""
    found = conditions.get(name)
    return found is not None and found.status == "False"
