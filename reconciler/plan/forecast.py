"""What the memory wave costs and how long it should take, from KubeVirt's own limits.

A range, not a promise: the transfer rate of a cluster is not in its API.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.plan import Effect, Forecast, Reason, VMForecast
from reconciler.model.quantity import MIB, human
from reconciler.model.refs import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.live import LiveState, LiveVMI
    from reconciler.model.plan import Decision
    from reconciler.plan.regime import Regime

DETECT_S = (1.4, 20.0)
"""From the patch to the migration object. Source: recorded, all scenarios."""
START_AND_END_S = (3.0, 25.0)
"""Target pod, hand-over and final steps. Source: recorded phases 0.3 s apart; image pulls vary."""
RATE = (100 * MIB, 1000 * MIB)
"""Bytes a second where bandwidthPerMigration is not set: a 1 to 10 Gbit/s migration network."""
DIRTY = 1.5
"""How many times the guest's memory is copied at the most, because it keeps changing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    ref: ObjectRef
    node: str
    n_bytes: int


def forecast(
    decisions: Sequence[Decision],
    live: LiveState,
    regime: Regime,
    priorities: Mapping[ObjectRef, int],
) -> Forecast:
    """Queue the plan's migrations behind those that run, and add them up."""
    vmis = [(each, live.vmis.get(each.ref)) for each in decisions if _migrates(each)]
    jobs = [
        _Job(ref=decision.ref, node=vmi.node, n_bytes=_current(vmi))
        for decision, vmi in vmis
        if vmi is not None
    ]
    jobs.sort(key=lambda job: (-priorities.get(job.ref, 0), job.ref))
    foreign = sum(1 for group in live.migrations.values() for m in group if not m.phase.finished)
    slots = max(1, regime.parallel - foreign)
    fastest, slowest = (_rate(regime, rate) for rate in reversed(RATE))
    earliest = _ends(jobs, slots, regime.outbound_per_node, fastest, edge=0, factor=1.0)
    latest = _ends(jobs, slots, regime.outbound_per_node, slowest, edge=1, factor=DIRTY)
    forecasts = tuple(
        VMForecast(ref=job.ref, position=n, earliest_s=earliest[n - 1], latest_s=latest[n - 1])
        for n, job in enumerate(jobs, 1)
    )
    return Forecast(
        migrations=len(jobs),
        n_bytes_copied=sum(job.n_bytes for job in jobs),
        peak_extra_requests=_peak(decisions, live, slots),
        earliest_s=max(earliest, default=0.0),
        latest_s=max(latest, default=0.0),
        vms=forecasts,
        assumptions=_assumptions(regime, slots, foreign) if jobs else (),
    )


def _migrates(decision: Decision) -> bool:
    moves = decision.reason in (Reason.HOTPLUG, Reason.HOTUNPLUG)
    return decision.effect is Effect.LIVE and moves and bool(decision.actions)


def _current(vmi: LiveVMI) -> int:
    size = vmi.guest_current or vmi.guest
    return size.n_bytes if size else 0


def _rate(regime: Regime, assumed: int) -> int:
    return min(regime.bandwidth, assumed) if regime.bandwidth else assumed


def _ends(
    jobs: Sequence[_Job], slots: int, per_node: int, rate: int, *, edge: int, factor: float
) -> list[float]:
    """When each job ends, in a queue with *slots* places and *per_node* places a source node."""
    places = [0.0] * slots
    nodes: dict[str, list[float]] = defaultdict(lambda: [0.0] * max(1, per_node))
    heapq.heapify(places)
    ends: list[float] = []
    for job in jobs:
        node = nodes[job.node]
        start = max(heapq.heappop(places), heapq.heappop(node))
        work_s = DETECT_S[edge] + START_AND_END_S[edge] + job.n_bytes * factor / rate
        heapq.heappush(places, start + work_s)
        heapq.heappush(node, start + work_s)
        ends.append(start + work_s)
    return ends


def _peak(decisions: Sequence[Decision], live: LiveState, slots: int) -> dict[str, int]:
    """By namespace: growth of all, and the old pods of those that migrate at once."""
    growth: dict[str, int] = defaultdict(int)
    old_pods: dict[str, list[int]] = defaultdict(list)
    for decision in decisions:
        vmi = live.vmis.get(decision.ref)
        if not _migrates(decision) or vmi is None:
            continue
        after = decision.changes[0].after
        growth[decision.ref.namespace] += getattr(after, "n_bytes", 0) - _current(vmi)
        old_pods[decision.ref.namespace].append(_current(vmi))
    return {
        namespace: max(0, growth[namespace] + sum(sorted(sizes, reverse=True)[:slots]))
        for namespace, sizes in sorted(old_pods.items())
    }


def _assumptions(regime: Regime, slots: int, foreign: int) -> tuple[str, ...]:
    limits = f"{slots} at once in the cluster, {regime.outbound_per_node} from one node"
    foreign_text = f"; {foreign} other migrations take places" if foreign else ""
    rate = (
        f"at most {human(regime.bandwidth)}/s a migration (bandwidthPerMigration)"
        if regime.bandwidth
        else f"{human(RATE[0])}/s to {human(RATE[1])}/s a migration, as no bandwidth is set"
    )
    return (limits + foreign_text, rate, "no migration fails")
