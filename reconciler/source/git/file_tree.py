"""Defines ``FileTree``, the files of one revision, and selects those with manifests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from posixpath import dirname
from typing import TYPE_CHECKING, Protocol

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import Location
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.yaml.decode_text import MAX_BYTES, too_large
from reconciler.source.yaml.nodes import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from reconciler.model.desired.config import Config

CONFIG_PATH = ".reconciler.yaml"
SUFFIXES = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})


class EntryKind(StrEnum):
    """The kind of an entry of a tree."""

    FILE = "file"
    SYMLINK = "symbolic link"
    SUBMODULE = "submodule"
    OTHER = "special file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a tree; folders are not entries."""

    path: str
    """The path from the root, with ``/``."""
    kind: EntryKind
    mode: str
    """Git's file mode in octal, for example ``100644``."""
    blob: str
    """The hash of the contents; empty if they are not from a commit."""
    size: int
    """The size in bytes."""


class FileTree(Protocol):
    """The files of one revision."""

    @property
    def revision(self) -> str:
        """The hash of the commit; ``working-tree`` if there is no commit yet."""
        ...

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry, in the order of paths."""
        ...

    def changed(self) -> tuple[str, ...]:
        """Return the paths of the entries that differ from the commit, in order."""
        ...

    def read(self, entry: Entry) -> bytes:
        """Return the contents of a file.

        Raises:
            SourceError: The file cannot be read.
        """
        ...

    def read_all(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the contents of each file, in order; from Git this is much faster than one by one.

        Raises:
            SourceError: A file cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The files to read, and diagnostics about the entries that are not read."""

    files: tuple[Entry, ...]
    diagnostics: tuple[Diagnostic, ...]


def is_manifest(path: str) -> bool:
    """Whether *path* has the name of a manifest file."""
    return path.endswith(SUFFIXES) and path != CONFIG_PATH


def under(folders: Iterable[str]) -> Callable[[str], bool]:
    """Return a test of whether a path is in *folders* or below one of them."""
    itself = frozenset(folders)
    if "." in itself:
        return lambda _path: True
    below = tuple(f"{folder}/" for folder in itself)
    return lambda path: path.startswith(below) or path in itself


def select(tree: FileTree, config: Config) -> Selection:
    """Select the manifest files of *tree* that the configuration includes."""
    folders = tuple(normal(path) for path in config.paths)
    within = under(folders)
    entries = tuple(entry for entry in tree.entries() if within(entry.path))
    kustomized = tuple(e for e in entries if e.path.rpartition("/")[2] in KUSTOMIZATIONS)
    roots = tuple(dirname(entry.path) or "." for entry in kustomized)
    rendered = under(roots)
    rest = [entry for entry in entries if not rendered(entry.path)]
    files = [e for e in rest if e.kind is EntryKind.FILE and is_manifest(e.path)]
    diagnostics = (
        *_missing(config, folders, tree, entries),
        *(_kustomization(SourceFile(path=e.path)) for e in kustomized),
        *_unread(rest),
    )
    readable = tuple(entry for entry in files if entry.size <= MAX_BYTES)
    return Selection(files=readable, diagnostics=diagnostics)


def normal(path: str) -> str:
    """Return *path* without ``.`` and empty parts; the root is ``.``."""
    return "/".join(step for step in path.split("/") if step not in {"", "."}) or "."


def _missing(
    config: Config, folders: tuple[str, ...], tree: FileTree, entries: tuple[Entry, ...]
) -> Iterator[Diagnostic]:
    origin = config.origin("paths")
    for written, folder in zip(config.paths, folders, strict=True):
        within = under((folder,))
        if folder != "." and not any(within(entry.path) for entry in entries):
            source = "" if isinstance(origin, Location) else f" (from {origin})"
            yield Diagnostic(
                severity=Severity.ERROR,
                code="path-missing",
                message=f"the path {written!r}{source} is not in {tree.revision}",
                at=origin if isinstance(origin, Location) else None,
                hint="correct paths in .reconciler.yaml",
            )


def _kustomization(file: SourceFile) -> Diagnostic:
    folder = dirname(file.path) or "."
    return file.error(
        "kustomization",
        f"the folder {folder} has a kustomization, which only kustomize can read",
        hint=f"render it and pipe it in (kubectl kustomize {folder} | reconciler plan -f -), "
        f"or leave the folder out of paths in {CONFIG_PATH}",
    )


def _unread(entries: Iterable[Entry]) -> Iterator[Diagnostic]:
    for entry in entries:
        file = SourceFile(path=entry.path)
        if entry.kind is EntryKind.FILE:
            if entry.size > MAX_BYTES and is_manifest(entry.path):
                yield file.diagnose(too_large(entry.size))
            continue
        is_error = is_manifest(entry.path)
        yield Diagnostic(
            severity=Severity.ERROR if is_error else Severity.WARNING,
            code="not-followed",
            message=f"this is a {entry.kind}, which is not followed",
            at=file.location(Mark(1, 1)),
            hint="put the manifests themselves into the repository" if is_error else "",
        )
