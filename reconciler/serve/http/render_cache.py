"""``RenderCache``: renders each document once for all clients, in a worker thread.

A page or a plan of thousands of VMs takes a noticeable time to render. Meanwhile, the event loop
answers probes and webhooks.
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


@dataclass(slots=True)
class _Group:
    sources: tuple[object, ...]
    documents: OrderedDict[str, Rendered] = field(default_factory=OrderedDict)

    def has(self, sources: tuple[object, ...]) -> bool:
        """Return whether the documents were rendered from the same objects."""
        return len(self.sources) == len(sources) and all(
            a is b for a, b in zip(self.sources, sources, strict=True)
        )


class RenderCache:
    """Stores the documents of the newest sources, up to a limit for all documents together.

    Each group has documents of the same sources. A newer source replaces all documents of its
    group, so that the cache does not keep older views of the cluster in memory.
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
        """Return a document, which is rendered only if it is not stored for the same sources.

        Args:
            group: One of a few names; documents of a group have the same sources.
            key: Identifies the document in its group, for example by path and query.
            sources: The objects from which the document is rendered, compared by identity.
            render: Returns the document, or None if it does not exist.
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
        """The memory of all documents together."""
        groups = self._groups.values()
        return sum(each.n_bytes for group in groups for each in group.documents.values())

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
        known.documents[key] = rendered
        while known.documents and self.n_bytes > self._max_bytes:
            known.documents.popitem(last=False)


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
