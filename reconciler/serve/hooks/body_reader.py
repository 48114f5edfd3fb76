"""``BodyReader``: reads bodies of unauthenticated HTTP requests within memory limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


class TooLargeError(Exception):
    """The body of a webhook request is larger than the limit."""


class BusyError(Exception):
    """Other large request bodies use all the memory that is reserved for request bodies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """The size limits of webhook request bodies, in bytes."""

    each: int = 3 * 1024 * 1024
    """The maximum size of one webhook request body in bytes.

    GitHub sends up to 25 MB, but a push of that size has thousands of commits. Such a push is
    found at the next poll. Flux has the same limit (notification-controller v1.9.3,
    internal/server/limits.go).
    """
    total: int = 24 * 1024 * 1024
    """The maximum total size in bytes of all large bodies that are being received concurrently."""
    small: int = 64 * 1024
    """The body size in bytes up to which a request does not count toward the total limit.

    Large bodies from unknown senders therefore cannot block ordinary webhook requests."""


class BodyReader:
    """Reads webhook request bodies into memory; used by one thread."""

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._used = 0

    async def read(self, request: Request) -> bytes:
        """Read the body of a webhook request.

        Raises:
            TooLargeError: The body is larger than the limit. If the Content-Length header says so,
                this error is raised before the body is read.
            BusyError: Other large bodies use all the reserved memory.
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
