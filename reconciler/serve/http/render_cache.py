"""``RenderCache``: renders each HTTP document once for all clients, in a worker thread.

A page or a plan of thousands of VMs takes a noticeable time to render. During this time, the
event loop can respond to probes and webhook requests.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_BYTES: Final = 32 * 1024 * 1024
_MIN_COMPRESSED: Final = 1_024
"""The minimum size in bytes of a compressed document; smaller ones fit into one packet."""
_LEVEL: Final = 5
_ENTRY_BYTES: Final = 512
"""The memory in bytes that an entry needs besides its key and its document, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A rendered document, its compressed form, and its ETag."""

    body: bytes
    compressed: bytes | None
    """The document in gzip format, or None if compression does not help."""
    etag: str

    @property
    def n_bytes(self) -> int:
        """The memory in bytes that the document and its compressed form need."""
        return len(self.body) + len(self.compressed or b"")


@dataclass(slots=True)
class _Group:
    sources: tuple[object, ...]
    documents: OrderedDict[str, Rendered] = field(default_factory=OrderedDict)
    n_bytes: int = 0
    """The memory in bytes that the documents and their keys need."""

    def add(self, key: str, rendered: Rendered) -> None:
        if (replaced := self.documents.pop(key, None)) is not None:
            self.n_bytes -= _entry_bytes(key, replaced)
        self.documents[key] = rendered
        self.n_bytes += _entry_bytes(key, rendered)

    def remove_oldest(self) -> None:
        key, removed = self.documents.popitem(last=False)
        self.n_bytes -= _entry_bytes(key, removed)

    def has(self, sources: tuple[object, ...]) -> bool:
        """Return whether the documents were rendered from the given source objects."""
        return len(self.sources) == len(sources) and all(
            a is b for a, b in zip(self.sources, sources, strict=True)
        )


class RenderCache:
    """Caches documents that were rendered from the newest data, up to a total memory limit.

    All documents of a group are rendered from the same source objects. If the source objects
    change, all documents of the group are removed, so that the cache keeps no older states.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._groups: dict[str, _Group] = {}
        self._lock = asyncio.Lock()

    async def get(
        self,
        group: str,
        key: str,
        sources: tuple[object, ...],
        render: Callable[[], bytes | None],
        *,
        compress: bool = True,
    ) -> Rendered | None:
        """Return a document from the cache, or render it if its source objects have changed.

        Args:
            group: One of a few names; documents of a group have the same sources.
            key: Identifies the document in its group, for example by path and query.
            sources: The objects from which the document is rendered, compared by identity.
            render: Renders the document, or returns None if it does not exist.
            compress: Whether clients can receive the document in gzip format.
        """
        if (found := self._find(group, key, sources)) is not None:
            return found
        # Rendering needs the interpreter, so two renderings at once would only delay each other.
        async with self._lock:
            if (found := self._find(group, key, sources)) is not None:
                return found
            rendered = await run_in_threadpool(_rendered, render, compress=compress)
            if rendered is not None:
                self._store(group, key, sources, rendered)
            return rendered

    @property
    def n_bytes(self) -> int:
        """The memory in bytes that all cached documents and their keys need."""
        return sum(each.n_bytes for each in self._groups.values())

    def _find(self, group: str, key: str, sources: tuple[object, ...]) -> Rendered | None:
        known = self._groups.get(group)
        if known is None or not known.has(sources) or key not in known.documents:
            return None
        known.documents.move_to_end(key)
        return known.documents[key]

    def _store(
        self, group: str, key: str, sources: tuple[object, ...], rendered: Rendered
    ) -> None:
        known = self._groups.get(group)
        if known is None or not known.has(sources):
            known = self._groups[group] = _Group(sources)
        known.add(key, rendered)
        while known.documents and self.n_bytes > self._max_bytes:
            known.remove_oldest()


def _entry_bytes(key: str, rendered: Rendered) -> int:
    return len(key) + rendered.n_bytes + _ENTRY_BYTES


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
