"""Reads the files of one commit from the object database, without a checkout."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from .tree import Entry, EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .repository import Repository

_ENTRY = re.compile(rb"(\d+) (\w+) ([0-9a-f]+) +(\d+|-|BAD)\t(.*)", re.DOTALL)
"""Mode, type, hash, size and path, as ``git ls-tree --long`` writes them.

The size of an object that is missing is BAD; to read it is refused.
"""
_KINDS = {"120000": EntryKind.SYMLINK, "160000": EntryKind.SUBMODULE}


class CommitTree:
    """The files of one commit; implements ``tree.FileTree``."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self.revision = commit

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        listing = self._repository.checked(
            "ls-tree", "-r", "-z", "--long", "--full-tree", self.revision
        )
        lines = (_ENTRY.fullmatch(line) for line in listing.split(b"\0"))
        return tuple(_entry(match) for match in lines if match is not None)

    def entries(self) -> tuple[Entry, ...]:
        """Every entry, in the order of paths."""
        return self._entries

    def changed(self) -> tuple[str, ...]:
        """Nothing: a commit does not differ from itself."""
        return ()

    def read(self, entry: Entry) -> bytes:
        """Contents of a file.

        Raises:
            SourceError: The object is missing.
        """
        return self._repository.contents(entry.blob)

    def read_all(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Contents of each file, in order.

        Raises:
            SourceError: An object is missing.
        """
        return self._repository.many_contents([entry.blob for entry in entries])


def _entry(match: re.Match[bytes]) -> Entry:
    mode = match[1].decode()
    return Entry(
        path=match[5].decode("utf-8", "backslashreplace"),
        kind=_KINDS.get(mode, EntryKind.FILE),
        mode=mode,
        blob=match[3].decode(),
        size=int(match[4]) if match[4].isdigit() else 0,
    )
