"""Defines priorities, polling intervals, back-off and clean-up of migrations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.simulator.kubevirt.inventory import MigrationFacts

BACKOFF_S: Final = 20
"""The back-off after one failed migration, in seconds.

Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:1049-1112; recorded on real
clusters.
"""
KEPT_FINISHED: Final = 5
"""The number of finished migrations that KubeVirt keeps for each VMI.

Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:91,2251-2314.
"""

PRIORITIES: Final[Mapping[str, int]] = {
    "system-critical": 100,
    "user-triggered": 50,
    "system-maintenance": 20,
}
"""The rank of each migration priority; a migration without a priority has rank 0.

Source: v1.9.0 pkg/util/migrations/migrations.go:19-23.
"""

OLD_POLL_S: Final = 5.0
_POLL_S: Final[Mapping[str, float]] = {"system-critical": 1.0, "user-triggered": 3.0}


def rank(priority: str) -> int:
    """Converts a migration priority to a number; a migration with a higher number starts first."""
    return PRIORITIES.get(priority, 0)


def poll_s(priority: str, *, queue: bool) -> float:
    """Returns the interval in seconds at which a pending migration checks the migration limits.

    Without the priority queue, as in v1.6.0, the interval is always 5 s.

    Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:1369-1413.
    """
    return _POLL_S.get(priority, OLD_POLL_S) if queue else OLD_POLL_S


def backoff_end(earlier: Sequence[MigrationFacts]) -> datetime | None:
    """Returns when the next automatic migration of a VMI can start, or None if it can start now.

    The delay is 20 s from the latest failure. It doubles with each further failure since the last
    success.

    Args:
        earlier: The VMI's other migrations, oldest first.
    """
    failures = 0
    latest: MigrationFacts | None = None
    for facts in earlier:
        if facts.phase == "Failed":
            failures += 1
            latest = facts
        elif facts.phase == "Succeeded":
            failures, latest = 0, None
    if latest is None or not latest.ended:
        return None
    wait = timedelta(seconds=BACKOFF_S * 2 ** (failures - 1))
    return datetime.fromisoformat(latest.ended) + wait


def surplus(migrations: Iterable[MigrationFacts]) -> tuple[MigrationFacts, ...]:
    """Returns the finished migrations of a VMI except the five newest, oldest first."""
    finished = sorted((m for m in migrations if not m.unfinished), key=lambda m: m.revision)
    return tuple(finished[:-KEPT_FINISHED]) if len(finished) > KEPT_FINISHED else ()
