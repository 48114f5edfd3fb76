"""``RestartWaitKeeper``: stores on the leader's Lease when VMs started to wait for a restart.

A new process or leader continues these waits. The annotation contains a digest of each VM and a
time in minutes since 1970. Entries that cannot be decoded are ignored.
"""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from reconciler.model.annotations import RESTART_WAITS
from reconciler.report.metrics.restart_wait_lines import waits_by_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.service.view import ServiceView
    from reconciler.ports import Clock

MOST_WAITS = 1000
"""The maximum number of stored waits (about 26 kB); the longest waits are kept.

The annotations of an object have at most 256 KiB; the annotations about notifications need up to
200 kB.
"""
STORED_EVERY = timedelta(minutes=10)
"""The minimum time between reading or writing the annotation and the next write."""
_WAIT = re.compile(r"(?<![^ ])([0-9a-f]{16}):([0-9]{1,8})(?![^ ])")


class LeaderLease(Protocol):
    """The leader's Lease; only the thread that renews the Lease uses its annotations."""

    def leads(self) -> bool:
        """Return whether this process holds the leader's Lease."""
        ...

    def annotations(self) -> Mapping[str, str]:
        """Return the Lease annotations that have this program's prefix."""
        ...

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations to the Lease immediately, and return whether this succeeded."""
        ...


class RestartWaitKeeper:
    """Reads the waits of the previous leader once, and stores those of this process.

    The loop calls ``take``; the thread that renews the Lease calls ``step``.

    Args:
        lease: The leader's Lease.
        view: Returns the state of the process, which contains the waits.
        clock: Returns the current time.
    """

    def __init__(self, lease: LeaderLease, view: Callable[[], ServiceView], clock: Clock) -> None:
        self._lease, self._view, self._clock = lease, view, clock
        self._lock = threading.Lock()
        self._found: dict[str, datetime] | None = None
        """The waits of the previous leader that no plan has used yet."""
        self._stored = ""
        self._stored_at: datetime | None = None
        """When the annotation was last read or written, or None if this process does not lead."""

    def take(self) -> Mapping[str, datetime]:
        """Return the waits of the previous leader, by digest of the VM, and only once."""
        with self._lock:
            found, self._found = self._found, None
        return found or {}

    def step(self) -> None:
        """Read the annotation as a new leader, and later store the waits if they have changed."""
        if not self._lease.leads():
            self._stored_at = None
            return
        now = self._clock.now()
        if self._stored_at is None:
            self._stored = self._lease.annotations().get(RESTART_WAITS, "")
            self._stored_at = now
            with self._lock:
                self._found = decoded(self._stored)
        elif now - self._stored_at >= STORED_EVERY and self._found is None:
            self._store(now)

    def _store(self, now: datetime) -> None:
        view = self._view()
        if view.plan is None:
            return
        text = encoded(waits_by_digest(view.plan, view.restart_since))
        self._stored_at = now
        if text != self._stored and self._lease.annotate({RESTART_WAITS: text or None}):
            self._stored = text


def encoded(waits: Mapping[str, datetime]) -> str:
    """Encode the longest waits as an annotation value."""
    oldest = sorted((since, digest) for digest, since in waits.items())[:MOST_WAITS]
    return " ".join(f"{digest}:{int(since.timestamp() // 60)}" for since, digest in oldest)


def decoded(text: str) -> dict[str, datetime]:
    """Decode the waits from an annotation value."""
    found = list(_WAIT.finditer(text))[:MOST_WAITS]
    return {each[1]: datetime.fromtimestamp(int(each[2]) * 60, UTC) for each in found}
