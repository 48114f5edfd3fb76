"""``ConnectionLimits``: limits the number, duration and size of requests to one HTTP server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of one HTTP server; a client that exceeds a limit is disconnected."""

    connections: int = 256
    """The maximum number of open connections.

    If one more client connects, the oldest connection without a complete request is closed.
    """
    head_s: float = 10.0
    """The seconds within which the request line and all headers must arrive."""
    body_s: float = 30.0
    """The seconds within which the whole body must arrive after the headers."""
    write_s: float = 30.0
    """The seconds for which a client can pause reading a response that is too large to buffer."""
    idle_s: float = 75.0
    """The seconds for which an idle connection stays open after a response.

    Proxies such as nginx keep idle connections for 60 s. If this server closed a connection
    first, a proxy could lose a request that it sends at the same moment.
    """
    head_bytes: int = 32 * 1024
    """The maximum size in bytes of the request line and all headers together."""
    request_bytes: int = 32 * 1024 * 1024
    """The maximum size of one request in bytes; an application can set a lower limit for the body.

    If the connection were closed at the lower limit, a client that is still sending its body might
    not be able to read the response that rejects the body.
    """
