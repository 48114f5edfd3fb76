"""What each file of a tree says: as it was remembered, from the cache, or read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from reconciler.source.manifests.default_namespace import placed
from reconciler.source.manifests.manifest_objects import FileResult, SourceFile
from reconciler.source.manifests.manifest_reader import read_manifests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.source.cache.parse_cache import ParseCache
    from reconciler.source.git.file_tree import Entry, FileTree

log = logging.getLogger(__name__)

_AT_ONCE = 5_000
"""Files between two looks into the cache."""


class Contents(Protocol):
    """What files say."""

    def of(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        """What each of *files* says, in their order.

        Raises:
            SourceError: One of them cannot be read.
        """
        ...


class FileContents:
    """Reads each file that is asked for; implements ``Contents``.

    Args:
        default_namespace: For manifests that name none; without it these are homeless.
        cache: What was parsed in earlier runs; of use only where files have hashes.
    """

    def __init__(
        self, *, default_namespace: str | None = None, cache: ParseCache | None = None
    ) -> None:
        self._namespace = default_namespace
        self._cache = cache

    def of(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        """What each of *files* says, in their order.

        Raises:
            SourceError: One of them cannot be read.
        """
        found = self._parsed(tree, files) if self._cache is None else self._cached(tree, files)
        return found if self._namespace is None else (placed(e, self._namespace) for e in found)

    def text(self, name: str, data: bytes) -> FileResult:
        """What *data* says, which is in no tree."""
        found = read_manifests(name, data)
        return found if self._namespace is None else placed(found, self._namespace)

    def _parsed(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        for entry, data in zip(files, tree.read_all(files), strict=True):
            yield read_manifests(entry.path, data)

    def _cached(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        from reconciler.source.cache import cache_codec  # noqa: PLC0415 - only with a cache

        assert self._cache is not None  # noqa: S101 - looked at by the caller; for mypy
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            kept = self._cache.get([entry.blob for entry in some])
            found = {entry.path: _decoded(entry, kept) for entry in some}
            fresh = [entry for entry in some if found[entry.path] is None]
            records = {}
            for entry, result in zip(fresh, self._parsed(tree, fresh), strict=True):
                found[entry.path] = result
                records[entry.blob] = cache_codec.encode(result, entry.path)
            self._cache.put({b: record for b, record in records.items() if record is not None})
            yield from (result for result in found.values() if result is not None)


class RememberedContents:
    """Asks *inner* only for files that were not there before, or not so; implements ``Contents``.

    What an unchanged file says is the very value that it was before.
    """

    def __init__(self, inner: Contents) -> None:
        self._inner = inner
        self._known: dict[tuple[str, str], FileResult] = {}
        """By path and hash."""

    def of(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        """What each of *files* says, in their order.

        Raises:
            SourceError: One of them cannot be read; what was known before is kept.
        """
        names = [(each.path, each.blob) for each in files]
        known = self._known
        fresh = {name: file for name, file in zip(names, files, strict=True) if name not in known}
        read = zip(fresh, self._inner.of(tree, list(fresh.values())), strict=True)
        known = {**known, **dict(read)}
        self._known = {name: known[name] for name in names}
        return map(known.__getitem__, names)


def _decoded(entry: Entry, kept: Mapping[str, bytes]) -> FileResult | None:
    from reconciler.source.cache import cache_codec  # noqa: PLC0415 - only with a cache

    record = kept.get(entry.blob)
    if record is None:
        return None
    try:
        return cache_codec.decode(record, SourceFile(path=entry.path))
    except ValueError as error:
        log.warning("what the cache holds of %s is not read: %s", entry.path, error)
        return None
