"""How many changes may begin now: KubeVirt's limits, the user's, and the failure budget; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.live import is_true
from reconciler.model.plan import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.live import LiveState
    from reconciler.model.plan import Action
    from reconciler.model.refs import ObjectRef
    from reconciler.plan.regime import Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """The user's choices that bear on a rollout; defaults are safe."""

    max_concurrent: int | None = None
    """At most this many changes in flight; None leaves KubeVirt's own limits."""
    failure_budget: int = 3
    """After so many failures no new VM is patched."""
    settle_s: float = 5.0
    """Seconds that a settled CR is given, for the components to read it (they tell nobody)."""
    settle_deadline_s: float = 300.0
    deadline_s: float | None = None
    """Seconds from the start after which the run ends, leaving healthy work to the next one."""
    follow: bool = True
    """Whether to stay until the guests have their memory."""


def may_begin(
    candidates: Sequence[Action],
    live: LiveState,
    regime: Regime,
    policy: RolloutPolicy,
    *,
    just_patched: Iterable[ObjectRef],
    failures: int,
    fits: Callable[[ObjectRef], bool] = lambda _ref: True,
) -> tuple[Action, ...]:
    """The first of *candidates* for which there is room, in their order.

    In flight counts every VM with HotMemoryChange=True or an unfinished migration, whoever began
    it, and those patched a moment ago. A change that does not migrate needs no room. *fits* is
    asked last, about a VM for which there is a place in the queue.
    """
    if failures >= policy.failure_budget:
        return ()
    busy = in_flight(live) | set(just_patched)
    limit = regime.parallel
    if policy.max_concurrent is not None:
        limit = min(limit, policy.max_concurrent)
    room = limit - len(busy)
    by_node = Counter(node_of(live, ref) for ref in busy)
    chosen: list[Action] = []
    for action in candidates:
        if not _migrates(action):
            chosen.append(action)
            continue
        node = node_of(live, action.ref)
        if room <= 0 or (node and by_node[node] >= regime.outbound_per_node):
            continue
        if not fits(action.ref):
            continue
        room -= 1
        by_node[node] += 1
        chosen.append(action)
    return tuple(chosen)


def in_flight(live: LiveState) -> set[ObjectRef]:
    """The VMs that migrate or are about to."""
    changing = {
        ref for ref, vmi in live.vmis.items() if is_true(vmi.conditions, "HotMemoryChange")
    }
    migrating = {
        ref
        for ref, migrations in live.migrations.items()
        if any(not each.phase.finished for each in migrations)
    }
    return changing | migrating


def node_of(live: LiveState, ref: ObjectRef) -> str:
    """The node on which a VM runs; empty where it does not."""
    vmi = live.vmis.get(ref)
    return vmi.node if vmi else ""


def _migrates(action: Action) -> bool:
    return action.effect is Effect.LIVE
