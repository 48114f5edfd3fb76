"""``Estimates``: estimates migration durations from finished migrations or from assumptions.

Every estimate is a range. The API shows neither the network's bandwidth nor how fast a guest
changes its memory, so assumed durations might be wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.quantity import GIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.live.live_state import LiveState, LiveVMI

    Limit = Callable[[LiveVMI], int]


@dataclass(frozen=True, slots=True)
class Span:
    """A duration in seconds with a lowest, a most likely and a highest value."""

    low: float
    likely: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.likely + other.likely, self.high + other.high)

    @property
    def three(self) -> tuple[float, float, float]:
        """The lowest, the most likely and the highest duration, in seconds."""
        return (self.low, self.likely, self.high)

    def times(self, factor: float) -> Span:
        """Multiply the duration by a non-negative factor."""
        return Span(self.low * factor, self.likely * factor, self.high * factor)

    def at_least(self, other: Span) -> Span:
        """Return the larger one of two durations, separately for each of the three values."""
        return Span(
            max(self.low, other.low), max(self.likely, other.likely), max(self.high, other.high)
        )

    def narrowed(self, earlier: float, later: float) -> Span:
        """Limit the lowest and the highest value to given multiples of the most likely value."""
        return Span(
            max(self.low, self.likely / earlier), self.likely, min(self.high, self.likely * later)
        )


DETECTION = Span(1.4, 4.0, 11.0)
"""The seconds that KubeVirt takes to create the migration object after a patch.

Source: observed, 1.4 to 20 s, mostly 5 s, 9 of 10 within 10 s; kubevirt v1.9.0
pkg/virt-controller/watch/workload-updater/workload-updater.go:58,226 (5 s from the VMI's event).
If other changes came before, the workload updater is already active and often takes less than 5 s.
"""
PREPARATION = Span(1.0, 2.5, 8.0)
"""The seconds from the creation of a migration to the start of the memory transfer.

Source: observed, 1.0 to 1.9 s without a wait for a slot and with pods that start immediately; the
time that a node needs to start a pod is assumed.
"""
CONSTANT = Span(0.5, 1.5, 2.5)
"""The seconds of a transfer that are not spent on copying memory. Source: an assumption."""
ACCEPTANCE = Span(0.3, 0.7, 4.0)
"""The seconds that the guest takes to use the new memory after the migration.

Source: observed, 0.3 to 0.4 s; the time that a busy guest adds is assumed.
"""
NETWORK_S = Span(8 * 1.073741824 / 25, 8 * 1.073741824 / 16, 8 * 1.073741824 / 10)
"""Seconds per GiB on networks with 25, 16 and 10 Gbit/s. Source: an assumption."""
REPEATED = Span(1.0, 1.1, 1.5)
"""How many times a migration copies the memory, because the guest changes memory meanwhile.

Source: assumed.
"""

KEPT = 5
"""The number of finished migrations that KubeVirt keeps per VMI.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:91,2251-2314.
"""
ROUNDING_S = 1.0
"""The maximum error in seconds between two timestamps, which have whole seconds."""
SPREAD = 1.15
"""The minimum factor between an estimate from observations and each of its two bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The properties of a finished migration on which estimates are based."""

    n_bytes: int
    """The guest's memory during the migration, in bytes."""
    preparation_s: float | None
    transfer_s: float
    limit: int
    """The bandwidth limit for the migration in bytes per second; 0 for no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Estimates of how long migrations in this cluster take."""

    observed: tuple[Observed, ...]
    preparation: Span
    _known: dict[int, Span] = field(default_factory=dict, compare=False, repr=False)
    """Cached estimates by bandwidth limit, because each computation reads every migration."""

    def per_gib(self, limit: int) -> Span:
        """Return the estimated seconds to transfer one GiB of memory under a bandwidth limit.

        *limit* is in bytes per second; 0 means no limit.
        """
        if limit not in self._known:
            self._known[limit] = self._per_gib(limit)
        return self._known[limit]

    def _per_gib(self, limit: int) -> Span:
        assumed = _assumed(limit)
        comparable = self.comparable(limit)
        if not comparable:
            return assumed
        learned = _learned(comparable, assumed)
        return learned.at_least(REPEATED.times(GIB / limit)) if limit else learned

    def transfer(self, n_bytes: int, limit: int) -> Span:
        """Estimate how many seconds the transfer of a guest's memory takes."""
        return CONSTANT + self.per_gib(limit).times(n_bytes / GIB)

    def comparable(self, limit: int) -> list[Observed]:
        """Return finished migrations with this limit; if none exist, those without a limit."""
        same = [each for each in self.observed if each.limit == limit]
        return same or [each for each in self.observed if not each.limit]


def estimates(live: LiveState, limit: Limit) -> Estimates:
    """Estimate migration times from the finished migrations in the cluster.

    *limit* returns an instance's bandwidth limit in bytes per second; 0 for no limit.
    """
    observed = tuple(_history(live, limit))
    waits = sorted(each.preparation_s for each in observed if each.preparation_s is not None)
    if not waits:
        return Estimates(observed=observed, preparation=PREPARATION)
    # Use the quarter with the shortest waits: the other migrations may have waited for a slot.
    usual = _quantile(waits, 0.25)
    preparation = Span(
        max(PREPARATION.low, usual - ROUNDING_S),
        max(PREPARATION.low, usual + ROUNDING_S / 2),
        max(usual + 3 * ROUNDING_S, min(_quantile(waits, 0.75), 2 * usual)),
    )
    return Estimates(observed=observed, preparation=preparation)


def _history(live: LiveState, limit: Limit) -> Iterable[Observed]:
    for ref in sorted(live.migrations):
        vmi = live.vmis.get(ref)
        if vmi is None:
            continue
        finished = [each for each in live.migrations[ref] if each.phase.finished]
        for each in finished:
            n_bytes = _size_then(each, finished, vmi)
            if not n_bytes or each.phase is not MigrationPhase.SUCCEEDED:
                continue
            if each.started_at is None or each.ended_at is None:
                continue
            began = each.created_at
            yield Observed(
                n_bytes=n_bytes,
                preparation_s=(each.started_at - began).total_seconds() if began else None,
                transfer_s=max(0.0, (each.ended_at - each.started_at).total_seconds()),
                limit=limit(vmi),
            )


def _size_then(
    migration: LiveMigration, finished: Sequence[LiveMigration], vmi: LiveVMI
) -> int | None:
    """Return the guest's memory at the time of a migration; None if it is not known.

    The API shows the size at boot and the current size. Only migrations for an update change the
    size. Before the first of them, the guest had its boot size; after the last, its current size.
    """
    now, boot = vmi.guest_current, vmi.guest_at_boot
    created = migration.created_at
    if now is None or created is None or (vmi.created_at and created < vmi.created_at):
        return None
    if boot is None or boot.n_bytes == now.n_bytes:
        return now.n_bytes
    updates = [each.created_at for each in finished if each.for_update and each.created_at]
    if updates and created > max(updates):
        return now.n_bytes
    if updates and created <= min(updates) and len(finished) < KEPT:
        return boot.n_bytes
    return None


def _assumed(limit: int) -> Span:
    if not limit:
        return NETWORK_S
    return NETWORK_S.at_least(REPEATED.times(GIB / limit))


def _learned(observed: Sequence[Observed], assumed: Span) -> Span:
    """Return the seconds per GiB that the migrations of larger guests took.

    Only the larger half is used, because timestamps are too coarse for small guests. Each
    migration gives a lower and an upper bound of the rate, and the quartiles of the bounds ignore
    single outliers. If an assumed bound makes the range narrower, it replaces the observed bound.
    """
    largest = max(each.n_bytes for each in observed)
    large = [each for each in observed if 2 * each.n_bytes >= largest]
    lows = sorted(_rate(each, -ROUNDING_S - CONSTANT.high) for each in large)
    highs = sorted(_rate(each, ROUNDING_S - CONSTANT.low) for each in large)
    low, high = sorted((_quantile(lows, 0.75), _quantile(highs, 0.25)))
    low = min(max(low, assumed.low), high)
    high = max(min(high, assumed.high), low)
    likely = math.sqrt(low * high)
    return Span(min(low, likely / SPREAD), likely, max(high, likely * SPREAD))


def _rate(observed: Observed, more_s: float) -> float:
    return max(0.0, observed.transfer_s + more_s) * GIB / observed.n_bytes


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]
