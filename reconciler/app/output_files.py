"""Writes output files completely or not at all; by default, only their owner can read them.

The files need protection because a plan and a report list every VM and node, and diagnostics quote
manifests.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import IO, TYPE_CHECKING

from reconciler.errors import OutputError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PRIVATE = 0o600
_APPENDED = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_MAX_LINKS = 40
"""The maximum number of symbolic links in a path; Linux has the same limit."""
_WRONG_PATH = frozenset(
    {
        errno.EACCES,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""The errno values after which the user must choose another path for an output file."""
_HINT = "choose a file in an existing, writable directory"


def reserve(path: Path, flag: str, *, keep: bool = False) -> None:
    """Check that a file can be written later at a path, and remove an existing file there.

    With *keep*, an existing file stays until it is replaced.

    Raises:
        UsageError: The file cannot be written; the user learns this before the run starts.
    """
    try:
        target = _target(path)
        if _replaceable(path):
            if not keep:
                target.unlink(missing_ok=True)
            part = _part(target)
            part.unlink(missing_ok=True)
            os.close(os.open(part, _NEW, PRIVATE))
            part.unlink()
        elif path.is_dir():
            raise IsADirectoryError(21, "it is a directory")
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def write(path: Path, pieces: Iterable[str], flag: str, *, mode: int = PRIVATE) -> None:
    """Write strings to a file; concurrent readers see either the old or the complete new file.

    *mode* is the mode of a new file, from which the process's umask removes bits.

    Raises:
        UsageError: The path does not lead to a writable file.
        OutputError: The file cannot be written, for example because the disk is full.
    """
    try:
        target = _target(path)
        if not _replaceable(path):
            with path.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
            return
        part = _part(target)
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, _NEW, mode), "w", encoding="utf-8") as file:
                file.writelines(pieces)
            part.replace(target)
        finally:
            # The temporary file still exists if a piece could not be created or written.
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def open_to_append(path: Path, flag: str) -> IO[str]:
    """Open a file to append lines; a new file is readable only by its owner.

    Raises:
        UsageError: The file cannot be opened for writing.
    """
    try:
        _target(path)
        return os.fdopen(os.open(path, _APPENDED, PRIVATE), "a", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def _replaceable(path: Path) -> bool:
    """Return whether a new file can be put at a path: nothing or a regular file exists there."""
    return path.is_file() or not path.exists()


def _target(path: Path) -> Path:
    """Return the file to which a path leads through any symbolic links.

    In a directory such as /tmp, another user can create a link or a pipe at a path that this
    program writes later. The kernel protects a program that opens such a path, but not a program
    that replaces the file at the path.

    Raises:
        PermissionError: In a directory that everyone can write to, another user owns the path.
    """
    for _ in range(_MAX_LINKS):
        if not os.path.lexists(path):
            break
        status, folder = path.lstat(), path.parent.stat()
        if folder.st_mode & stat.S_IWOTH and status.st_uid not in {0, os.geteuid()}:
            reason = "it belongs to another user, and every user can create files in its directory"
            raise PermissionError(errno.EACCES, reason)
        if not stat.S_ISLNK(status.st_mode):
            break
        path = path.parent / path.readlink()
    return path.resolve()


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _unwritable(path: Path, flag: str, error: OSError) -> ReconcilerError:
    if error.errno in _WRONG_PATH:
        return UsageError(
            f"the {flag} file {path} cannot be written: {error.strerror}", hint=_HINT
        )
    message = f"the {flag} file {path} could not be written: {error.strerror or error}"
    return OutputError(message, hint="free disk space, or choose a file on another disk")
