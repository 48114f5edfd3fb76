"""``RenderCache``: renders each document once for all clients, in a worker thread.

A page or a plan of thousands of VMs takes a noticeable time to render. Meanwhile, the event loop
answers probes and webhooks.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_BYTES: Final = 32 * 1024 * 1024
_MIN_COMPRESSED: Final = 1_024
"""The size in bytes from which a document is compressed; a smaller one fits into one packet."""
_LEVEL: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A document, its compressed form, and the tag that identifies its content."""

    body: bytes
    compressed: bytes | None
    """The document in gzip format; None if compression does not help."""
    etag: str

    @property
    def n_bytes(self) -> int:
        """The memory that both forms need together."""
        return len(self.body) + len(self.compressed or b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    sources: tuple[object, ...]
    rendered: Rendered | None


class RenderCache:
    """Stores the last document for each key, up to a limit for all documents together."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._n_bytes = 0
        self._lock = asyncio.Lock()

    async def get(
        self,
        key: str,
        sources: tuple[object, ...],
        render: Callable[[], bytes | None],
        *,
        compress: bool = True,
    ) -> Rendered | None:
        """Return a document, which is rendered only if it is not stored for the same sources.

        Args:
            key: The path and query of the document.
            sources: The objects from which the document is rendered, compared by identity.
            render: Returns the document, or None if it does not exist.
            compress: Whether clients can receive the document in gzip format.
        """
        if (found := self._find(key, sources)) is not None:
            return found.rendered
        # Rendering needs the interpreter, so two renderings at once would only delay each other.
        async with self._lock:
            if (found := self._find(key, sources)) is not None:
                return found.rendered
            rendered = await run_in_threadpool(_rendered, render, compress=compress)
            self._store(key, _Entry(sources=sources, rendered=rendered))
            return rendered

    def _find(self, key: str, sources: tuple[object, ...]) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None or len(entry.sources) != len(sources):
            return None
        if not all(a is b for a, b in zip(entry.sources, sources, strict=True)):
            return None
        self._entries.move_to_end(key)
        return entry

    def _store(self, key: str, entry: _Entry) -> None:
        self._drop(key)
        if entry.rendered is None or entry.rendered.n_bytes > self._max_bytes:
            return
        self._entries[key] = entry
        self._n_bytes += entry.rendered.n_bytes
        while self._n_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None and entry.rendered is not None:
            self._n_bytes -= entry.rendered.n_bytes


def _rendered(render: Callable[[], bytes | None], *, compress: bool) -> Rendered | None:
    body = render()
    if body is None:
        return None
    compressed = None
    if compress and len(body) >= _MIN_COMPRESSED:
        shorter = gzip.compress(body, _LEVEL, mtime=0)
        compressed = shorter if len(shorter) < len(body) else None
    # The tag is weak, because both forms of a document have the same tag.
    return Rendered(body=body, compressed=compressed, etag=f'W/"{sha256(body).hexdigest()[:32]}"')
