"""``WorkingTree``: reads the files of a Git working tree from disk, without following symlinks."""

from __future__ import annotations

import errno
import os
import stat
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import input_files
from reconciler.errors import SourceError
from reconciler.source.git.changed_paths import changed_paths
from reconciler.source.git.file_tree import Entry, EntryKind, shown
from reconciler.source.yaml.decode_text import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.source.git.repository import Repository

UNBORN = "working-tree"
"""The value of ``revision`` if the branch has no commit yet."""

_SUBMODULE = "160000"
_PIECE = 1_000_000


class WorkingTree:
    """A ``FileTree`` of the tracked files, and of the untracked files that are not ignored."""

    def __init__(self, repository: Repository) -> None:
        """Prepare to read the working tree of a repository.

        Raises:
            SourceError: The repository is bare.
        """
        if repository.bare:
            raise SourceError(
                f"{repository.root} is a bare repository, which has no working tree",
                hint="remove --working-tree, and select a revision with --revision",
            )
        self._repository = repository
        self._root = repository.root
        self._is_link = cache(lambda name: (self._root / os.fsdecode(name)).is_symlink())

    @cached_property
    def revision(self) -> str:
        """The hash of the checked-out commit, or ``working-tree`` before the first commit."""
        output = self._repository.run("rev-parse", "--verify", "HEAD^{commit}")
        return output.stdout.decode().strip() if output.status == 0 else UNBORN

    @cached_property
    def _names(self) -> dict[bytes, str]:
        """The file mode of each tracked or untracked path, ordered by path."""
        run = self._repository.listing
        found: dict[bytes, str] = {}
        for line in run("ls-files", "-z", "--stage").split(b"\0"):
            about, _, name = line.partition(b"\t")
            if name:
                found[name] = about.split(b" ")[0].decode()
        for name in run("ls-files", "-z", "--others", "--exclude-standard").split(b"\0"):
            if name:  # git lists a nested repository as a directory, with a slash
                found[name.rstrip(b"/")] = _SUBMODULE if name.endswith(b"/") else "100644"
        return dict(sorted(found.items()))

    @cached_property
    def _entries(self) -> dict[str, tuple[bytes, Entry]]:
        found = {}
        for name, mode in self._names.items():
            entry = self._entry(name, mode)
            if entry is not None:
                found[entry.path] = (name, entry)
        return found

    def entries(self) -> tuple[Entry, ...]:
        """Return an entry for each file, link and submodule on disk, ordered by path."""
        return tuple(entry for _, entry in self._entries.values())

    def changed(self) -> tuple[str, ...]:
        """Return the paths of staged, modified, untracked and deleted files, in order."""
        if self.revision != UNBORN:
            # `git status` reads all names of the commit before it prints one, and a tree of a few
            # bytes can have an astronomical number of files. This list detects such a tree.
            self._repository.listing("ls-tree", "-r", "-z", "--full-tree", self.revision)
        changed = set(changed_paths(self._repository))
        missing = {shown(name) for name in self._names} - self._entries.keys()
        return tuple(sorted(changed | missing))

    def read(self, entry: Entry) -> bytes:
        """Return the contents of a file.

        Raises:
            SourceError: The file cannot be read, or is no longer a regular file.
        """
        return next(self._pieces(entry, MAX_FILE_BYTES + 1), b"")

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the contents of a file in pieces, so that the file can have any size.

        Raises:
            SourceError: The file cannot be read, or is no longer a regular file.
        """
        return self._pieces(entry, _PIECE)

    def _pieces(self, entry: Entry, n_bytes: int) -> Iterator[bytes]:
        name = self._entries[entry.path][0]
        try:
            # A directory in the path may have become a link since the entries were listed.
            descriptor = input_files.opened_below(self._root, Path(os.fsdecode(name)))
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise SourceError(f"{entry.path} is no longer a regular file")
                while piece := file.read(n_bytes):
                    yield piece
        except OSError as error:
            raise SourceError(f"{entry.path} cannot be read: {error.strerror}") from error

    def read_all(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the contents of each file, in order.

        Raises:
            SourceError: A file cannot be read, or is no longer a regular file.
        """
        return map(self.read, entries)

    def _entry(self, name: bytes, mode: str) -> Entry | None:
        try:
            status = (self._root / os.fsdecode(name)).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if (
                error.errno == errno.ENAMETOOLONG
            ):  # an index can contain names that are too long for a disk
                return None
            raise
        if mode == _SUBMODULE:
            kind = EntryKind.SUBMODULE
        elif stat.S_ISLNK(status.st_mode) or any(map(self._is_link, _parents(name))):
            kind = EntryKind.SYMLINK
        else:
            kind = EntryKind.FILE if stat.S_ISREG(status.st_mode) else EntryKind.OTHER
        return Entry(path=shown(name), kind=kind, mode=mode, blob="", size=status.st_size)


def uncommitted(repository: Repository, commit: str) -> tuple[str, ...]:
    """Return the paths with uncommitted changes, or none if *commit* is not checked out."""
    if repository.bare:
        return ()
    head = repository.run("rev-parse", "--verify", "HEAD^{commit}")
    if head.stdout.decode().strip() != commit:
        return ()
    try:
        return changed_paths(repository)
    except SourceError:
        return ()


def _parents(name: bytes) -> Iterator[bytes]:
    steps = name.split(b"/")[:-1]
    return (b"/".join(steps[:length]) for length in range(1, len(steps) + 1))
