"""``Explanation``: why an object has its state or its planned effect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A reason code for programs and a text for people that explain the state of an object."""

    reason: str
    """A stable reason code, such as ``above-max-guest``; from ``Reason`` if it is listed there."""
    message: str
    """A sentence that quotes the affected values, without a final full stop."""
    hint: str = ""
    """What the user can do about the state; empty if there is nothing to do."""
