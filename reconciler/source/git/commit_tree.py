"""``CommitTree``: reads the files of a commit without a checkout."""

from __future__ import annotations

import os
import re
from functools import cached_property
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.source.git.file_tree import Entry, EntryKind, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.source.git.repository import Repository

_ENTRY = re.compile(rb"(\d+) (\w+) ([0-9a-f]+) +(\d+|-|BAD)\t([^\0]*)\0")
"""Matches the mode, type, hash, size and path in the output of ``git ls-tree --long -z``.

The size of a missing object is BAD; reading such an object fails later.
"""
_MOST_BYTES = 100_000
"""The maximum total length in bytes of the changed file names passed on a command line."""
_ESCAPE = "\\x"
"""The prefix of escaped bytes in a path that is not UTF-8; a real path can also contain it."""
_KINDS = {"120000": EntryKind.SYMLINK, "160000": EntryKind.SUBMODULE}


class CommitTree:
    """A ``FileTree`` with the files of one commit."""

    def __init__(
        self, repository: Repository, commit: str, *, before: CommitTree | None = None
    ) -> None:
        """Prepare to list and read the files of a commit.

        Args:
            repository: The repository with the commit.
            commit: The hash of the commit.
            before: The files of an earlier commit, so that git lists only the differences.
        """
        self._repository = repository
        self._before = before
        self.revision = commit

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        before = self._before
        self._before = None  # otherwise, each tree would keep all earlier trees in memory
        found = before and self._after(before)
        return found or _sorted(self._listed())

    def _listed(self, *names: str) -> list[Entry]:
        listing = self._repository.listing(
            *("--literal-pathspecs", "ls-tree", "-r", "-z", "--long", "--full-tree"),
            *(self.revision, "--", *names),
        )
        return list(map(_entry, _ENTRY.finditer(listing)))

    def _after(self, before: CommitTree) -> tuple[Entry, ...] | None:
        """Compute this commit's files from those of an earlier commit, or return None.

        The result is None if the earlier commit is missing or too many files have changed.
        """
        try:
            listing = self._repository.listing(
                *("diff-tree", "-r", "-z", "--name-only", "--ignore-submodules=none"),
                *(before.revision, self.revision, "--"),
            )
        except SourceError:
            return None  # after a force push, the earlier commit can be missing
        if len(listing) > _MOST_BYTES:
            return None
        names = listing.split(b"\0")[:-1]
        paths = list(map(shown, names))
        if any(_ESCAPE in path for path in paths):
            return None  # two different file names can have the same escaped form
        known = {entry.path: entry for entry in before.entries()}
        for path in paths:
            known.pop(path, None)
        known |= {entry.path: entry for entry in self._listed(*map(os.fsdecode, names))}
        return _sorted(known.values())

    def entries(self) -> tuple[Entry, ...]:
        """Return an entry for each file, link and submodule of the commit, ordered by path."""
        return self._entries

    def changed(self) -> tuple[str, ...]:
        """Return an empty tuple, because no file of a commit is uncommitted."""
        return ()

    def read(self, entry: Entry) -> bytes:
        """Return the contents of a file.

        Raises:
            SourceError: The Git object is missing.
        """
        return self._repository.contents(entry.blob)

    def read_all(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the contents of each file, in order.

        Raises:
            SourceError: A Git object is missing.
        """
        return self._repository.many_contents([entry.blob for entry in entries])

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the contents of a file in pieces, so that the file can have any size.

        Raises:
            SourceError: The Git object is missing.
        """
        return self._repository.chunks(entry.blob)


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=attrgetter("path")))


def _entry(match: re.Match[bytes]) -> Entry:
    mode = intern(match[1].decode())
    return Entry(
        path=shown(match[5]),
        kind=_KINDS.get(mode, EntryKind.FILE),
        mode=mode,
        blob=match[3].decode(),
        size=int(match[4]) if match[4].isdigit() else 0,
    )
