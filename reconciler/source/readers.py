"""The desired state's readers: a commit, a working tree, or text that was piped in."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.config import Config
from reconciler.model.desired import DesiredState, Reading
from reconciler.model.diagnostic import Diagnostic, Severity

from .assemble import assemble
from .config import read_config
from .manifests import ManifestReader
from .objects import SourceFile
from .tree import CONFIG_PATH, is_manifest, is_under, normal, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .cache import ParseCache
    from .frozen import Thawing
    from .objects import FileResult
    from .repository import Repository
    from .tree import Entry, FileTree

log = logging.getLogger(__name__)

_AT_ONCE = 5_000
"""Files between two looks into the cache."""


def _unchanged(config: Config) -> Config:
    return config


def read_tree(
    tree: FileTree,
    *,
    default_namespace: str | None = None,
    override: Callable[[Config], Config] = _unchanged,
    cache: ParseCache | None = None,
) -> Reading:
    """Everything that *tree* says.

    Args:
        tree: One revision.
        default_namespace: For manifests that name none; without it they are errors.
        override: Puts flags and environment over the file's configuration.
        cache: What was parsed before; of use only where files have hashes.

    Raises:
        SourceError: A file of the tree cannot be read.
    """
    found = read_config(tree)
    config = override(found.config)
    selection = select(tree, config)
    folders = tuple(map(normal, config.paths))
    dirty = any(
        path == CONFIG_PATH or (is_manifest(path) and is_under(path, folders))
        for path in tree.changed()
    )
    state = assemble(
        _results(tree, selection.files, cache),
        revision=tree.revision,
        dirty=dirty,
        default_namespace=default_namespace,
        selector=config.selector,
        diagnostics=(*found.diagnostics, *selection.diagnostics),
    )
    return Reading(config=config, state=state)


def _results(
    tree: FileTree, files: Sequence[Entry], cache: ParseCache | None
) -> Iterator[FileResult]:
    reader = ManifestReader()
    if cache is None:
        for entry, data in zip(files, tree.read_all(files), strict=True):
            yield reader.read(entry.path, data)
        return
    from .frozen import Thawing, freeze  # noqa: PLC0415 - only with a cache

    thawing = Thawing(reader.lines)
    for start in range(0, len(files), _AT_ONCE):
        some = files[start : start + _AT_ONCE]
        kept = cache.get([entry.blob for entry in some])
        found = {entry.path: _thawed(entry, kept, thawing) for entry in some}
        fresh = [entry for entry in some if found[entry.path] is None]
        records = {}
        for entry, data in zip(fresh, tree.read_all(fresh), strict=True):
            result = reader.read(entry.path, data)
            found[entry.path] = result
            records[entry.blob] = freeze(result, entry.path)
        cache.put({blob: record for blob, record in records.items() if record is not None})
        yield from (result for result in found.values() if result is not None)


def _thawed(entry: Entry, kept: Mapping[str, bytes], thawing: Thawing) -> FileResult | None:
    record = kept.get(entry.blob)
    if record is None:
        return None
    try:
        return thawing.thaw(record, SourceFile(path=entry.path))
    except ValueError as error:
        log.warning("what the cache holds of %s is not read: %s", entry.path, error)
        return None


class CommitReader:
    """Reads a revision of a repository; a branch is resolved anew at each read."""

    def __init__(
        self,
        repository: Repository,
        revision: str = "HEAD",
        *,
        default_namespace: str | None = None,
        override: Callable[[Config], Config] = _unchanged,
        cache: ParseCache | None = None,
    ) -> None:
        self._repository = repository
        self._revision = revision
        self._default_namespace = default_namespace
        self._override = override
        self._cache = cache

    def read(self) -> Reading:
        """One commit, whole, with the configuration at its root.

        Raises:
            SourceError: There is no such revision, or the repository cannot be read.
        """
        return read_tree(
            self._repository.commit_tree(self._revision),
            default_namespace=self._default_namespace,
            override=self._override,
            cache=self._cache,
        )


class WorkingTreeReader:
    """Reads the files as they lie in the working tree, and says whether they are committed."""

    def __init__(
        self,
        repository: Repository,
        *,
        default_namespace: str | None = None,
        override: Callable[[Config], Config] = _unchanged,
    ) -> None:
        self._repository = repository
        self._default_namespace = default_namespace
        self._override = override

    def read(self) -> Reading:
        """The working tree, whole, with the configuration at its root.

        Raises:
            SourceError: There is none, or it cannot be read.
        """
        return read_tree(
            self._repository.working_tree(),
            default_namespace=self._default_namespace,
            override=self._override,
        )


class StreamReader:
    """Reads texts that are in no repository, such as rendered manifests on standard input."""

    def __init__(
        self,
        texts: Sequence[tuple[str, bytes]],
        *,
        name: str = "stdin",
        default_namespace: str | None = None,
        config: Config | None = None,
    ) -> None:
        """Take what was read already.

        Args:
            texts: Name and contents of each, in order.
            name: What the state's revision is called.
            default_namespace: For manifests that name none; without it they are errors.
            config: Only its selector matters here; its paths are of a repository.
        """
        self._texts = tuple(texts)
        self._name = name
        self._default_namespace = default_namespace
        self._config = config or Config()

    def read(self) -> Reading:
        """All the texts, with the configuration that was given."""
        reader = ManifestReader()
        state = assemble(
            (reader.read(path, data) for path, data in self._texts),
            revision=self._name,
            dirty=False,
            default_namespace=self._default_namespace,
            selector=self._config.selector,
        )
        return Reading(config=self._config, state=_with_something(state))


def _with_something(state: DesiredState) -> DesiredState:
    """Nothing at all is what a failed rendering pipes in, and is no desired state."""
    if state.kubevirt or state.vms or state.skipped or state.diagnostics:
        return state
    error = Diagnostic(
        severity=Severity.ERROR,
        code="nothing-read",
        message=f"{state.revision} holds no object",
        hint="look whether the command that renders it has failed",
    )
    return replace(state, diagnostics=(error,))
