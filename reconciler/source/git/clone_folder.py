"""``CloneFolder``: a directory with Git clones of one repository, shared by several processes.

Only one process at a time fetches. The lock belongs to an open file that git inherits, so the lock
lasts until the last process of a fetch has ended, even after a crash. A new clone replaces a clone
that is damaged or has too many packs. The old clone is deleted when no process reads it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from reconciler.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.ports import Clock

MAX_PACKS = 50
"""The maximum number of packs in one clone; each fetch adds one, and many packs slow git down."""
_LOCK, _IN_USE = "fetch.lock", "in-use.lock"
_DAMAGED = "damaged"
"""The name of a file that marks a clone as damaged."""
_CLONE = re.compile(r"clone-(\d{1,9})")
_LEFT_BEHIND = ("**/*.lock", "objects/**/tmp_*", "objects/pack/*.keep")
"""Patterns for the files that a killed git process leaves behind."""
_POLL_S = 0.05


class CloneFolder:
    """A directory that contains only Git clones and lock files."""

    def __init__(self, folder: Path) -> None:
        """Create the directory if it does not exist.

        Raises:
            SourceError: The directory contains other files, or cannot be created.
        """
        self._folder = folder.absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            names = [each.name for each in folder.iterdir()]
        except OSError as error:
            raise _unusable(folder, error) from error
        if any(name != _LOCK and not _CLONE.fullmatch(name) for name in names):
            raise SourceError(
                f"a repository cannot be fetched into {folder}, because this directory contains "
                "other files",
                hint="choose an empty directory, or a directory that does not exist yet",
            )

    @contextmanager
    def locked(self, until: float, clock: Clock) -> Iterator[int]:
        """Block fetches by other processes, and yield a file descriptor that git must inherit.

        Raises:
            SourceError: Another process is still fetching when the monotonic clock reaches
            *until*.
        """
        with _opened(self._folder / _LOCK) as descriptor:
            while not _lock(descriptor, fcntl.LOCK_EX):
                if clock.monotonic() >= until:
                    raise SourceError(
                        f"another process was still fetching into {self._folder} at the deadline",
                        hint="wait until the other process ends, or allow more time with "
                        "--deadline",
                    )
                clock.sleep(_POLL_S)
            self._delete_unused()
            yield descriptor

    def newest(self) -> Path | None:
        """Return the newest clone, or None if it is missing, damaged or has too many packs.

        In the clone, files that killed processes left behind are deleted.
        """
        clones = self._clones()
        if not clones:
            return None
        newest = clones[-1]
        n_packs = len(list((newest / "objects" / "pack").glob("*.pack")))
        if (newest / _DAMAGED).exists() or n_packs > MAX_PACKS:
            return None
        for pattern in _LEFT_BEHIND:
            for path in newest.glob(pattern):
                if path.name != _IN_USE:
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return newest

    def new(self) -> Path:
        """Create a directory for a new clone, and return its path."""
        clones = self._clones()
        number = int(clones[-1].name.partition("-")[2]) + 1 if clones else 1
        path = self._folder / f"clone-{number}"
        path.mkdir(mode=0o700)
        return path

    def _delete_unused(self) -> None:
        """Delete all clones that no process is reading, except the newest clone."""
        for clone in self._clones()[:-1]:
            with _opened(clone / _IN_USE) as descriptor:
                if _lock(descriptor, fcntl.LOCK_EX):
                    shutil.rmtree(clone, ignore_errors=True)

    def _clones(self) -> list[Path]:
        found = [each for each in self._folder.iterdir() if _CLONE.fullmatch(each.name)]
        return sorted(found, key=lambda path: int(path.name.partition("-")[2]))


@contextmanager
def reading(clone: Path) -> Iterator[None]:
    """Prevent other processes from deleting a clone until the ``with`` block ends."""
    with _opened(clone / _IN_USE) as descriptor:
        _lock(descriptor, fcntl.LOCK_SH)
        yield


def mark_damaged(repository: Path) -> None:
    """Mark a clone as damaged, so that the next fetch replaces it."""
    if (repository / _IN_USE).exists():
        with suppress(OSError):
            (repository / _DAMAGED).touch()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a lock file until the ``with`` block ends; child processes can inherit the file.

    Raises:
        SourceError: The file cannot be created.
    """
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    """Lock an open file without waiting; return False if another process has locked it."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False


def _unusable(path: Path, error: OSError) -> SourceError:
    return SourceError(
        f"a repository cannot be fetched into {path}: {error.strerror}",
        hint="make the directory writable for the user of this process",
    )
