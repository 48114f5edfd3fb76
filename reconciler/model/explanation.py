"""Why an object has its state or its effect: ``Explanation``, the one form of that answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why something is as it is, for programs and for people."""

    reason: str
    """A stable code, such as ``above-max-guest``; a ``Reason`` where one exists."""
    message: str
    """A sentence with the values; it has no final full stop."""
    hint: str = ""
    """What the user can do about it; empty where there is nothing to do."""
