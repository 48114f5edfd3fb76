"""``Fault``: an error response that a test injects into a local server."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Fault:
    """An error response that replaces the normal response of a local server once."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    executed: bool = False
    """Whether the server executes the request before it sends the error response."""
