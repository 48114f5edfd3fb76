"""``FileTree``: the interface for reading the files of one Git revision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONFIG_PATH = ".reconciler.yaml"
SUFFIXES = (".yaml", ".yml", ".json")


class EntryKind(StrEnum):
    """The type of an entry in a Git tree, such as a file or a symbolic link."""

    FILE = "file"
    SYMLINK = "symbolic link"
    SUBMODULE = "submodule"
    OTHER = "special file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, link or submodule in a Git tree; directories have no entry."""

    path: str
    """The path of the entry relative to the repository root, with ``/`` as the separator."""
    kind: EntryKind
    mode: str
    """Git's file mode in octal, for example ``100644``."""
    blob: str
    """The Git hash of the contents, or an empty string for a file in the working tree."""
    size: int
    """The size of the file in bytes."""


class FileTree(Protocol):
    """The files of one Git revision."""

    @property
    def revision(self) -> str:
        """The hash of the commit, or ``working-tree`` if no commit exists yet."""
        ...

    def entries(self) -> tuple[Entry, ...]:
        """Return an entry for each file, link and submodule, ordered by path."""
        ...

    def changed(self) -> tuple[str, ...]:
        """Return the paths that have uncommitted changes, in order."""
        ...

    def read(self, entry: Entry) -> bytes:
        """Return the contents of a file.

        Raises:
            SourceError: The file cannot be read.
        """
        ...

    def read_all(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the contents of each file, in order; faster than repeated calls to ``read``.

        Raises:
            SourceError: A file cannot be read.
        """
        ...

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the contents of a file in pieces, so that the file can have any size.

        Raises:
            SourceError: The file cannot be read.
        """
        ...


def is_manifest(path: str) -> bool:
    """Return whether a path has the suffix of a manifest: ``.yaml``, ``.yml`` or ``.json``."""
    return path.endswith(SUFFIXES) and path != CONFIG_PATH


def shown(name: bytes) -> str:
    """Decode the bytes of a path, and escape each byte that is not valid UTF-8."""
    return name.decode("utf-8", "backslashreplace")
