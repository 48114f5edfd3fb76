"""Writes output files completely or not at all; only their owner can read them.

A plan and a report list every VM and node, and diagnostics quote manifests.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PRIVATE = 0o600
_APPENDED = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_HINT = "choose a file in an existing, writable directory"


def reserve(path: Path, flag: str) -> None:
    """Check that *path* can be written later, and remove any existing file at this path.

    Raises:
        UsageError: The file cannot be written; the user learns this before the run and not after
            it.
    """
    try:
        if _replaceable(path):
            path.resolve().unlink(missing_ok=True)
            part = _part(path)
            part.touch(PRIVATE)
            part.unlink()
        elif path.is_dir():
            raise IsADirectoryError(21, "it is a directory")
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def write(path: Path, pieces: Iterable[str], flag: str) -> None:
    """Write *pieces* to *path*; concurrent readers see either the old file or the new file.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        if not _replaceable(path):
            with path.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
            return
        part = _part(path)
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, _NEW, PRIVATE), "w", encoding="utf-8") as file:
                file.writelines(pieces)
            part.replace(path.resolve())
        finally:
            # The temporary file still exists if a piece could not be created or written.
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def open_to_append(path: Path, flag: str) -> IO[str]:
    """Open *path* to append lines; only its owner can read a new file.

    Raises:
        UsageError: The file cannot be opened for writing.
    """
    try:
        return os.fdopen(os.open(path, _APPENDED, PRIVATE), "a", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def _replaceable(path: Path) -> bool:
    """Return whether a new file can replace the file at *path*; a pipe cannot be replaced."""
    return path.is_file() or not path.exists()


def _part(path: Path) -> Path:
    target = path.resolve()
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _unwritable(path: Path, flag: str, error: OSError) -> UsageError:
    return UsageError(f"{flag} {path}: {error.strerror}", hint=_HINT)
