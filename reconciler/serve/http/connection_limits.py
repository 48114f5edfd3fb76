"""``ConnectionLimits``: how long and how large the requests of one HTTP listener may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of one listener; a client that exceeds one loses its connection."""

    connections: int = 256
    """The number of connections that may be open at the same time.

    For a further one, the oldest connection without a complete request is closed.
    """
    head_s: float = 10.0
    """The seconds in which the request line and all headers must arrive."""
    body_s: float = 30.0
    """The seconds in which the whole body must arrive, counted from the end of the headers."""
    write_s: float = 30.0
    """The seconds for which a client may stop reading a response that is too large to buffer."""
    idle_s: float = 75.0
    """The seconds for which a connection may stay open after a response.

    Proxies such as nginx keep idle connections for 60 s. If this side closed them first, a proxy
    could send a request into a connection that is just being closed, and lose it.
    """
    head_bytes: int = 32 * 1024
    """The maximum size of the request line and all headers together."""
    request_bytes: int = 32 * 1024 * 1024
    """The maximum size of one request; an application may have a lower limit for the body.

    A client may still send a body that the application has already rejected as too large, and
    closing the connection at once could prevent the client from reading the response.
    """
