"""``Fault``: an answer of a local forge that a test prescribes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Fault:
    """An answer that replaces that of the server, once."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    executed: bool = False
    """Whether the server executes the request before it sends this answer."""
