"""``fetch_folder``: selects the directory into which a remote repository is fetched."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.source.cache.cache_folder import prepare_folder
from reconciler.source.git import repository_url

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextmanager
def fetch_folder(address: str, cache_dir: Path | None, *, shared: bool) -> Iterator[Path]:
    """Yield the local directory into which a remote repository is fetched.

    If the cache directory cannot be used, a temporary directory is created, and deleted when the
    ``with`` block ends.

    Args:
        address: The URL of the repository.
        cache_dir: The cache directory, or None for no cache.
        shared: Whether to use the cache even if other users can write to it.

    Raises:
        UsageError: Other users can write to the cache directory, and *shared* is False.
    """
    if cache_dir is not None:
        name = hashlib.sha256(repository_url.shown(address).encode()).hexdigest()[:32]
        folder = cache_dir / "git" / name
        try:
            for each in (cache_dir, folder.parent, folder):
                prepare_folder(each, shared=shared)
        except OSError as error:
            log.warning("the cache directory %s is not used: %s", folder, error.strerror)
        else:
            if os.access(folder, os.W_OK):
                yield folder
                return
            log.warning("the cache directory %s is not used: it is read-only", folder)
    with tempfile.TemporaryDirectory(prefix="reconciler-") as temporary:
        yield Path(temporary) / "repository"
