"""Creates a directory once, and shares it among all workers of pytest-xdist."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def shared_folder(
    factory: pytest.TempPathFactory, name: str, create: Callable[[Path], object]
) -> Path:
    """Return the directory *name*, which the first worker that needs it fills with *create*.

    The other workers wait until the directory is complete. If *create* fails, the next worker
    calls it again.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, complete = root / name, root / f"{name}.complete"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            folder.mkdir(exist_ok=True)
            create(folder)
            complete.touch()
    return folder
