"""Files that a command leaves behind: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.errors import UsageError

_HINT = "name a file in a folder that is there and may be written to"


def claim(path: Path, flag: str) -> None:
    """See to it that *path* can be written later, and that nothing old lies there until then.

    Raises:
        UsageError: It cannot; better now than after an hour.
    """
    try:
        if _replaceable(path):
            path.resolve().unlink(missing_ok=True)
            part = _part(path)
            part.touch()
            part.unlink()
        elif path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def leave(path: Path, text: str, flag: str) -> None:
    """Let *path* hold *text*; whoever reads it meanwhile finds the old contents, or none.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        if not _replaceable(path):
            path.write_text(text, encoding="utf-8")
            return
        part = _part(path)
        part.write_text(text, encoding="utf-8")
        part.replace(path.resolve())
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def _replaceable(path: Path) -> bool:
    """Whether *path* is a plain file or nothing yet; a pipe or /dev/stdout is written through."""
    return path.is_file() or not path.exists()


def _part(path: Path) -> Path:
    target = path.resolve()
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _unwritable(path: Path, flag: str, error: OSError) -> UsageError:
    return UsageError(f"{flag} {path}: {error.strerror}", hint=_HINT)
