"""``BodyReader``: reads bodies of unknown senders with a limit for each and for all together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


class TooLargeError(Exception):
    """The body is larger than the limit."""


class BusyError(Exception):
    """Other large bodies use all the memory that is reserved for bodies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """The sizes of bodies in bytes."""

    each: int = 3 * 1024 * 1024
    """The maximum size of one body.

    GitHub sends up to 25 MB, but a push of that size has thousands of commits. Such a push is
    found at the next poll. Flux has the same limit (notification-controller v1.9.3,
    internal/server/limits.go).
    """
    total: int = 24 * 1024 * 1024
    """The maximum size of all large bodies that are being received at the same time."""
    small: int = 64 * 1024
    """The size up to which a body does not count for ``total``, so that large bodies of unknown
    senders cannot prevent the usual webhooks."""


class BodyReader:
    """Reads bodies into memory; used by one thread."""

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._used = 0

    async def read(self, request: Request) -> bytes:
        """Return the body of a request.

        Raises:
            TooLargeError: The body is too large; if possible, this is known before it arrives.
            BusyError: There are too many other large bodies.
        """
        length = request.headers.get("Content-Length", "")
        if length.isdecimal() and (
            len(length) > len(str(self._limits.each)) or int(length) > self._limits.each
        ):
            raise TooLargeError
        body, counted = bytearray(), 0
        try:
            async for chunk in request.stream():
                n_bytes = len(body) + len(chunk)
                if n_bytes > self._limits.each:
                    raise TooLargeError
                if n_bytes > self._limits.small:
                    if self._used - counted + n_bytes > self._limits.total:
                        raise BusyError
                    self._used += n_bytes - counted
                    counted = n_bytes
                body += chunk
            return bytes(body)
        finally:
            self._used -= counted
