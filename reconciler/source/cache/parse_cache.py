"""``ParseCache``: caches parsed files between runs, by the hash of the file contents.

If the cache is missing, damaged, full, read-only or locked by another process, files are parsed
without it, and the log shows the reason.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reconciler.schema import schema_files
from reconciler.source.cache.cache_folder import prepare_folder, reject_foreign

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

T = TypeVar("T")

log = logging.getLogger(__name__)

FILE = "manifests.sqlite3"
MAX_ENTRIES = 250_000
MAX_BYTES = 500_000_000
"""The maximum total size of all entries in bytes; if it is exceeded, old entries are deleted."""
_MAX_RECORD = 4_000_000
_BUSY_S = 2.0
"""The maximum time in seconds to wait for another process that is writing to the cache."""
_REFRESH = 8
"""The number of runs after which an entry that is still used is marked as recently used."""
_AT_ONCE = 500
_OUTSIDE = frozenset({3, 5, 6, 8, 10, 13, 14})
"""The SQLite error codes with a cause outside the cache file, such as a lock or a full disk.

The codes are PERM, BUSY, LOCKED, READONLY, IOERR, FULL and CANTOPEN. Source:
sqlite.org/rescode.html.
"""
_DIGEST_BYTES = 16
_LAYOUT = """
CREATE TABLE IF NOT EXISTS entries (
  version TEXT NOT NULL, blob TEXT NOT NULL, run INTEGER NOT NULL, size INTEGER NOT NULL,
  record BLOB NOT NULL, PRIMARY KEY (version, blob)
);
CREATE INDEX IF NOT EXISTS entries_by_run ON entries (run, size);
"""
_SELECT = "SELECT blob, run, record FROM entries WHERE version = ? AND blob IN "


def version() -> str:
    """Return a hash of the code and the schema on which the parsed result of a file depends."""
    package = Path(__file__).parents[2]
    digest = hashlib.sha256(json.dumps(schema_files.load("manifest"), sort_keys=True).encode())
    for part in ("model", "schema", "source"):
        for module in sorted((package / part).rglob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()


class ParseCache:
    """A cache of parsed files in one directory; use it in a ``with`` block."""

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        """Prepare a cache in a directory; a new directory is accessible only to its owner."""
        self._path = folder / FILE
        self._shared = shared
        self._database: sqlite3.Connection | None = None
        self._version = version()
        self._run = 0
        self._writable = True

    def __enter__(self) -> Self:
        self._attempt(self._open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def get(self, blobs: Sequence[str]) -> dict[str, bytes]:
        """Return a map from each given file hash to its cache record, without damaged records."""
        return self._attempt(lambda: self._get(blobs)) or {}

    def put(self, records: Mapping[str, bytes]) -> None:
        """Store cache records; each key is the hash of the file that was parsed."""
        small = {blob: each for blob, each in records.items() if len(each) <= _MAX_RECORD}
        if small and self._writable:
            self._attempt(lambda: self._put(small))

    def _attempt(self, act: Callable[[], T]) -> T | None:
        """Call a function that uses the cache; after an error, stop using the cache."""
        import sqlite3  # noqa: PLC0415 - only with a cache

        try:
            return act()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in _OUTSIDE:
                self._give_up(f"is not used: {error}")
                return None
            self._give_up(f"is damaged and will be created again by the next run: {error}")
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        except OSError as error:
            self._give_up(f"is not used: {error.strerror}")
        return None

    def _give_up(self, why: str) -> None:
        log.warning("the cache %s %s", self._path, why)
        self._close()

    def _open(self) -> None:
        import sqlite3  # noqa: PLC0415 - only with a cache

        try:
            prepare_folder(self._path.parent, shared=self._shared)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            os.close(os.open(self._path, flags, 0o600))
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise
            self._writable = False
        reject_foreign(self._path, shared=self._shared)
        mode = "rw" if self._writable else "ro"
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        self._database = sqlite3.connect(uri, uri=True, timeout=_BUSY_S)
        if self._writable:
            self._database.execute(
                "PRAGMA synchronous = OFF"
            )  # a lost cache only has to be filled again
            self._database.executescript(_LAYOUT)
        newest = self._database.execute("SELECT max(run) FROM entries").fetchone()[0]
        self._run = (newest or 0) + 1

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _get(self, blobs: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        if self._database is None:
            return found
        expiring: list[str] = []
        for start in range(0, len(blobs), _AT_ONCE):
            some = blobs[start : start + _AT_ONCE]
            rows = self._database.execute(
                _SELECT + f"({','.join('?' * len(some))})", (self._version, *some)
            )
            for blob, run, record in rows:
                if _is_whole(blob, record):
                    found[blob] = record[_DIGEST_BYTES:]
                    if run < self._run - _REFRESH:
                        expiring.append(blob)
        if expiring and self._writable:
            self._refresh(self._database, expiring)
        return found

    def _refresh(self, database: sqlite3.Connection, blobs: Sequence[str]) -> None:
        rows = [(self._run, self._version, blob) for blob in blobs]
        with database:
            database.executemany("UPDATE entries SET run = ? WHERE version = ? AND blob = ?", rows)

    def _put(self, records: Mapping[str, bytes]) -> None:
        rows = [
            (self._version, blob, self._run, len(each), _digest(blob, each) + each)
            for blob, each in records.items()
        ]
        if self._database is None:
            return
        with self._database as database:
            database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", rows)
            self._drop_oldest(database)

    def _drop_oldest(self, database: sqlite3.Connection) -> None:
        count, n_bytes = database.execute("SELECT count(*), total(size) FROM entries").fetchone()
        while count > MAX_ENTRIES or n_bytes > MAX_BYTES:
            database.execute(
                "DELETE FROM entries WHERE rowid IN "
                "(SELECT rowid FROM entries ORDER BY run, rowid LIMIT max(1, ? / 10))",
                (count,),
            )
            count, n_bytes = database.execute(
                "SELECT count(*), total(size) FROM entries"
            ).fetchone()


def _digest(blob: str, record: bytes) -> bytes:
    return hashlib.blake2b(record, key=blob.encode()[:64], digest_size=_DIGEST_BYTES).digest()


def _is_whole(blob: str, record: object) -> bool:
    return isinstance(record, bytes) and record.startswith(_digest(blob, record[_DIGEST_BYTES:]))
