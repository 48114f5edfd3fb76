"""``pieces``, ``whole``: read and decompress an HTTP response body within size limits."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.cluster.api.kubernetes_protocols import Response

MAX_BYTES = 128 << 20
"""The maximum size, in bytes, of a decompressed response body that is kept in memory.

A page has at most 500 objects, so an object can have 250 kB, about ten times the usual size.
"""
MAX_RATIO = 250
"""The maximum compression ratio of a response body: decompressed size to gzip size.

A list of VMs has a ratio of about 15. The gzip format allows a ratio of up to 1032.
"""
_SMALL = 8 << 20
"""The size, in bytes, up to which a decompressed body can have any compression ratio."""
_CHUNK = 1 << 18
_GZIP = 16 + zlib.MAX_WBITS


class UnusableBodyError(ValueError):
    """Raised if a response body is too large, or if this client cannot decompress it."""


def pieces(response: Response) -> Iterator[bytes]:
    """Yield the decompressed response body in pieces of at most 256 KiB, as they arrive.

    Raises:
        UnusableBodyError: The body cannot be decompressed, or exceeds ``MAX_RATIO``.
    """
    arriving = iter(lambda: response.read1(_CHUNK, decode_content=False), b"")
    encoding = response.headers.get("Content-Encoding") or "identity"
    if encoding == "identity":
        return arriving
    if encoding != "gzip":
        raise UnusableBodyError(f"the Content-Encoding is {encoding[:32]!r}, not gzip")
    return _decompressed(arriving)


def whole(response: Response) -> bytes:
    """Return the decompressed response body, which must not exceed ``MAX_BYTES``.

    Raises:
        UnusableBodyError: The body is too large or cannot be decompressed.
    """
    found, size = [], 0
    for piece in pieces(response):
        found.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise UnusableBodyError(f"the body is larger than {MAX_BYTES >> 20} MiB")
    return b"".join(found)


def _decompressed(arriving: Iterable[bytes]) -> Iterator[bytes]:
    gzip = zlib.decompressobj(_GZIP)
    read = size = 0
    try:
        for piece in arriving:
            read += len(piece)
            rest = piece
            while rest:
                text = gzip.decompress(rest, _CHUNK)
                rest = gzip.unconsumed_tail
                size += len(text)
                if size > max(_SMALL, MAX_RATIO * read):
                    raise UnusableBodyError(
                        f"the body is more than {MAX_RATIO} times larger than its gzip data"
                    )
                if text:
                    yield text
        if text := gzip.flush():
            yield text
    except zlib.error as error:
        raise UnusableBodyError(f"the gzip data is invalid: {error}") from error
    if not gzip.eof or gzip.unused_data:
        raise UnusableBodyError("the gzip data is incomplete or has data after its end")
