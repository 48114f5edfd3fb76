"""``Explanation``: why an object has its state or its planned effect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The reason for an object's state, as a code for programs and as a message for users."""

    reason: str
    """A stable reason code, such as ``above-max-guest``; usually a value of ``Reason``."""
    message: str
    """A sentence that quotes the affected values, without a final full stop."""
    hint: str = ""
    """What the user can do about the state of the object; empty if no action is necessary."""
