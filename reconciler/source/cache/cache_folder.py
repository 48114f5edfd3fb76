"""Creates the ``--cache-dir`` directory, and rejects files that other users can modify."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def prepare_folder(folder: Path, *, shared: bool) -> None:
    """Create a cache directory that only its owner can use, or check that an existing one is safe.

    Raises:
        UsageError: Other users can write to the directory, and *shared* is False.
        OSError: The directory cannot be created.
    """
    for each in (*reversed(folder.parents), folder):  # mkdir(parents=True) ignores the mode
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
    reject_foreign(folder, shared=shared)


def reject_foreign(path: Path, *, shared: bool) -> None:
    """Check that only the current user and root can modify a path, unless *shared* is true.

    Raises:
        UsageError: Other users can modify *path*, so they could change what is planned.
    """
    status = path.stat()
    is_foreign = status.st_uid not in {0, os.geteuid()}
    if (is_foreign or status.st_mode & _WRITABLE_BY_OTHERS) and not shared:
        owner = " and belongs to another user" if is_foreign else ""
        raise UsageError(
            f"other users can write to the cache directory {path}: it has mode "
            f"{stat.S_IMODE(status.st_mode):04o}{owner}",
            hint=f"use a directory that does not exist yet, or run chmod go-w {path}; "
            "--allow-shared-cache-dir uses the cache anyway",
        )
