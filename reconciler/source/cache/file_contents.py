"""``FileContents``: parses manifest files, or reads their parsed results from the cache."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from reconciler.source.manifests.default_namespace import with_namespace
from reconciler.source.manifests.manifest_objects import FileResult, SourceFile
from reconciler.source.manifests.manifest_reader import read_manifests
from reconciler.source.manifests.read_limits import within_limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.source.cache.parse_cache import ParseCache
    from reconciler.source.git.file_tree import Entry, FileTree

log = logging.getLogger(__name__)

_AT_ONCE = 5_000
"""The number of files whose cache records are read in one query."""

_MAX_HELD_BYTES = 16_000_000
"""The maximum total size in bytes of the records that are collected for one cache write."""


class FileContents:
    """Parses manifest files, or reads their parsed results from a cache.

    Args:
        default_namespace: The namespace for manifests without a namespace.
        cache: Stores parsed files between runs by Git hash; files without a hash are not cached.
    """

    def __init__(
        self, *, default_namespace: str | None = None, cache: ParseCache | None = None
    ) -> None:
        self._namespace = default_namespace
        self._cache = cache

    def of(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        """Yield the parsed result of each file, in the given order.

        Raises:
            SourceError: A file cannot be read.
        """
        found = self._parsed(tree, files) if self._cache is None else self._cached(tree, files)
        return (with_namespace(each, self._namespace) for each in found)

    def text(self, name: str, data: bytes) -> FileResult:
        """Parse manifests that do not come from a Git tree.

        Messages show *name* as the file name.
        """
        return with_namespace(read_manifests(name, data), self._namespace)

    def _parsed(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        contents = zip(files, tree.read_all(files), strict=True)
        return within_limits(read_manifests(entry.path, data) for entry, data in contents)

    def _cached(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        from reconciler.source.cache import cache_codec  # noqa: PLC0415 - only with a cache

        assert self._cache is not None  # noqa: S101 - for mypy; the caller has checked it
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            kept = self._cache.get([entry.blob for entry in some])
            found = {entry.path: _decoded(entry, kept) for entry in some}
            fresh = [entry for entry in some if found[entry.path] is None]
            records: dict[str, bytes] = {}
            n_bytes = 0
            for entry, result in zip(fresh, self._parsed(tree, fresh), strict=True):
                found[entry.path] = result
                record = cache_codec.encode(result, entry.path)
                if record is not None:
                    records[entry.blob] = record
                    n_bytes += len(record)
                if n_bytes > _MAX_HELD_BYTES:
                    self._cache.put(records)
                    records, n_bytes = {}, 0
            self._cache.put(records)
            yield from (result for result in found.values() if result is not None)


class RememberedContents:
    """Keeps parsed results in memory, so that an unchanged file is parsed only once.

    For an unchanged file, a second read returns the same Python object as the first.
    """

    def __init__(self, inner: FileContents) -> None:
        self._inner = inner
        self._known: dict[tuple[str, str], FileResult] = {}
        """The parsed results, keyed by file path and Git hash."""

    def of(self, tree: FileTree, files: Sequence[Entry]) -> Iterator[FileResult]:
        """Return the parsed result of each file, in the given order.

        Raises:
            SourceError: A file cannot be read; the results of the files before it are kept.
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
        log.warning("ignoring the cache entry for the file %s: %s", entry.path, error)
        return None
