"""``install``, ``ending_at``: limit the total time of an HTTP response.

The timeouts of urllib3 apply to each wait for data, so a server that occasionally sends one byte
could delay a request without limit. Here, all socket operations of a request share one deadline.
"""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from http.client import HTTPResponse
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_SLICE = 1 << 14
"""The maximum number of bytes per send; a TLS record cannot contain more."""
_LATE = "the response was not complete in time"


class _Request(threading.local):
    """The deadline of the request that the current thread is sending."""

    ends_at: float | None = None
    """The monotonic time by which the response must end, or None for no limit."""


_REQUEST = _Request()


@contextmanager
def ending_at(at: float) -> Iterator[None]:
    """Context manager that sets a deadline for the requests in its block and for their responses.

    *at* is a monotonic time in seconds. The deadline also applies to a response body that is read
    later, or in another thread.
    """
    before, _REQUEST.ends_at = _REQUEST.ends_at, at
    try:
        yield
    finally:
        _REQUEST.ends_at = before


def install(pool_manager: Any) -> None:  # noqa: ANN401 - urllib3's types are loaded later
    """Make connections of a ``urllib3.PoolManager`` obey the deadline that ``ending_at`` sets."""
    pool_manager.pool_classes_by_scheme = {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": _limited(pool.ConnectionCls)})
        for scheme, pool in pool_manager.pool_classes_by_scheme.items()
    }


def _limited(connection: type[Any]) -> type[Any]:
    """Return a subclass of a urllib3 connection class that obeys the ``ending_at`` deadline."""

    class Limited(connection):  # type: ignore[misc] # a class of urllib3 that is not known here
        response_class = _Response
        timeout: float

        def connect(self) -> None:
            if (at := _REQUEST.ends_at) is not None:
                self.timeout = min(self.timeout, _left(at))
            super().connect()

        def send(self, data: Any) -> None:  # noqa: ANN401 - as in http.client
            at = _REQUEST.ends_at
            if at is None or not isinstance(data, bytes):
                super().send(data)
                return
            for start in range(0, len(data), _SLICE):
                if self.sock is not None:
                    self.sock.settimeout(_left(at))
                super().send(data[start : start + _SLICE])

    return Limited


class _Response(HTTPResponse):
    """An HTTP response whose headers and body must arrive before the deadline of the request."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as in http.client
        super().__init__(sock, *args, **options)
        if (at := _REQUEST.ends_at) is not None:
            self.fp = io.BufferedReader(_LimitedReader(self.fp.detach(), sock, at))


class _LimitedReader(io.RawIOBase):
    """Reads from a socket, and waits for data only until a fixed deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, ends_at: float) -> None:
        super().__init__()
        self._raw, self._sock, self._ends_at = raw, sock, ends_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - any writable buffer
        self._sock.settimeout(_left(self._ends_at))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(at: float) -> float:
    """Return the number of seconds until a monotonic time.

    Raises:
        TimeoutError: The time *at* has passed.
    """
    left_s = at - monotonic()
    if left_s <= 0:
        raise TimeoutError(_LATE)
    return left_s
