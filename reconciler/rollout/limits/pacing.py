"""How many changes may begin now: KubeVirt's limits, the user's, and groups kept apart; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.live.live_state import is_true
from reconciler.plan.timing.disruption import Disturbance, disturbance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.plan.behaviour.effective_config import EffectiveConfig
    from reconciler.plan.plan_policy import PlanPolicy

CAPACITY_TAKEN = "what is under way holds the room that its target pod needs"

Groups = frozenset[tuple[str, str, str]]


def may_begin(
    candidates: Sequence[Decision],
    live: LiveState,
    regime: EffectiveConfig,
    policy: PlanPolicy,
    *,
    busy: Iterable[ObjectRef],
    waits: dict[ObjectRef, str],
    fits: Callable[[ObjectRef], bool] = lambda _ref: True,
    groups_of: Callable[[ObjectRef], Groups] = lambda _ref: frozenset(),
) -> tuple[Decision, ...]:
    """The first of *candidates* for which there is room, in their order.

    Counted are every VM with HotMemoryChange=True or an unfinished migration, and every restart
    under way, whoever began it; *busy* names those of which the snapshot cannot know yet, and
    *waits* gets why each of the others does not begin. A change that disturbs nothing needs no
    room. *fits* is asked last, about a VM for which there is a place in the queue.
    """
    taken = disturbed(live) | set(busy)
    limit = regime.parallel
    if policy.max_concurrent is not None:
        limit = min(limit, policy.max_concurrent)
    per_node = regime.outbound_per_node
    if policy.max_per_node is not None:
        per_node = min(per_node, policy.max_per_node)
    # Shards that look at the same moment keep to the limit together only if each keeps to a share.
    own = sum(policy.shard.holds(ref.namespace) for ref in taken)
    slots = min(limit - len(taken), policy.shard.share(limit) - own)
    by_node = Counter(node_of(live, ref) for ref in taken)
    groups = {group for ref in taken | coming_up(live) for group in groups_of(ref)}
    chosen: list[Decision] = []
    for decision in candidates:
        ref, what = decision.ref, disturbance(decision)
        if what is Disturbance.NONE:
            chosen.append(decision)
            continue
        node, mates = node_of(live, ref), groups_of(ref)
        if mates & groups:
            _, key, value = min(mates & groups)
            waits[ref] = f"another VM with {key}={value} is being changed, or is not up"
        elif slots <= 0 or ref in taken:
            waits[ref] = f"{limit} changes are under way, as many as may be at a time"
        elif node and by_node[node] >= per_node:
            waits[ref] = f"{per_node} of {node} are under way, as many as may be at a time"
        elif not fits(ref):
            waits[ref] = CAPACITY_TAKEN
        if ref in waits:
            continue
        slots -= 1
        by_node[node] += 1
        groups |= mates
        chosen.append(decision)
    return tuple(chosen)


def disturbed(live: LiveState) -> set[ObjectRef]:
    """The VMs that migrate, are about to, or are being restarted."""
    changing = {
        ref for ref, vmi in live.vmis.items() if is_true(vmi.conditions, "HotMemoryChange")
    }
    migrating = {
        ref
        for ref, migrations in live.migrations.items()
        if any(not each.phase.finished for each in migrations)
    }
    restarting = {ref for ref, vm in live.vms.items() if vm.restart_asked}
    return changing | migrating | restarting


def coming_up(live: LiveState) -> set[ObjectRef]:
    """The VMs whose instance is there and does not serve: it starts, or it goes."""
    return {
        ref
        for ref, vmi in live.vmis.items()
        if vmi.deleting or (vmi.phase != "Running" and not vmi.final)
    }


def node_of(live: LiveState, ref: ObjectRef) -> str:
    """The node on which a VM runs; empty where it does not."""
    vmi = live.vmis.get(ref)
    return vmi.node if vmi else ""
