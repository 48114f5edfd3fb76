"""``Condition``: a Kubernetes status condition, which is looked up by its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A Kubernetes status condition; an object has at most one of each type."""

    status: str
    """The condition's status: ``True``, ``False`` or ``Unknown``."""
    reason: str = ""
    message: str = ""
    since: datetime | None = None


Conditions = Mapping[str, Condition]
"""The status conditions of an object, by condition type."""

HOT_MEMORY_CHANGE = "HotMemoryChange"
"""A VMI condition: True during a memory change, False after a rejected hotplug."""


def is_true(conditions: Conditions, name: str) -> bool:
    """Return whether a condition of the given type exists and has the status True."""
    found = conditions.get(name)
    return found is not None and found.status == "True"


def is_false(conditions: Conditions, name: str) -> bool:
    """Return whether a condition of the given type exists and has the status False."""
    found = conditions.get(name)
    return found is not None and found.status == "False"
