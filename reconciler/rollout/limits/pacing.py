"""``may_start``: selects the VM changes that the limits of KubeVirt and of the user allow now.

The functions have no side effects.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.plan.concurrency import concurrency_of
from reconciler.plan.timing.disruption import Disruption, disruption_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.plan.behaviour.effective_config import EffectiveConfig
    from reconciler.plan.plan_policy import PlanPolicy

Groups = frozenset[tuple[str, str, str]]


def may_start(
    candidates: Sequence[Decision],
    live: LiveState,
    config: EffectiveConfig,
    policy: PlanPolicy,
    *,
    busy: Iterable[ObjectRef],
    waits: dict[ObjectRef, str],
    shortage: Callable[[ObjectRef], str] = lambda _ref: "",
    groups_of: Callable[[ObjectRef], Groups] = lambda _ref: frozenset(),
) -> tuple[Decision, ...]:
    """Return the VM changes that can start now, in the given order.

    Every VM with HotMemoryChange=True or an unfinished migration counts against the limits. Every
    restart in progress counts too, no matter who requested it. A change that causes neither a
    migration nor a restart does not count.

    Args:
        candidates: Decisions on VMs that could start, the most urgent first.
        live: The newest snapshot.
        config: The effective configuration of KubeVirt.
        policy: The limits that the user has set.
        busy: VMs with a change in flight that the snapshot does not show yet.
        waits: Filled by this function with the reason for each candidate that cannot start.
        shortage: Returns why the target pod of a VM lacks capacity, or an empty string; called
            last, and only for a VM that no other limit holds back.
        groups_of: Returns the anti-affinity groups of a VM; at most one VM per group is changed at
            a time.
    """
    taken = disturbed(live) | set(busy)
    limits = concurrency_of(config, policy)
    # Shards may start changes at the same moment, so each stays below its share of the limit.
    own = sum(policy.shard.holds(ref.namespace) for ref in taken)
    free = min(limits.cluster - len(taken), limits.shard - own)
    by_node = Counter(node_of(live, ref) for ref in taken)
    groups = {group for ref in taken | coming_up(live) for group in groups_of(ref)}
    chosen: list[Decision] = []
    for decision in candidates:
        ref = decision.ref
        if disruption_of(decision) is Disruption.NONE:
            chosen.append(decision)
            continue
        node, own_groups = node_of(live, ref), groups_of(ref)
        if own_groups & groups:
            _, key, value = min(own_groups & groups)
            waits[ref] = f"another VM with {key}={value} is being changed or is not running"
        elif free <= 0 or ref in taken:
            waits[ref] = f"the limit of {limits.cluster} simultaneous changes is reached"
        elif node and by_node[node] >= limits.per_node:
            waits[ref] = (
                f"the limit of {limits.per_node} simultaneous changes from the node "
                f"{node} is reached"
            )
        elif lack := shortage(ref):
            waits[ref] = lack
        if ref in waits:
            continue
        free -= 1
        by_node[node] += 1
        groups |= own_groups
        chosen.append(decision)
    return tuple(chosen)


def disturbed(live: LiveState) -> set[ObjectRef]:
    """Return the VMs that are migrating, are about to migrate, or are restarting."""
    changing = {ref for ref, vmi in live.vmis.items() if vmi.memory_changes}
    migrating = {
        ref
        for ref, migrations in live.migrations.items()
        if any(not each.phase.finished for each in migrations)
    }
    restarting = {ref for ref, vm in live.vms.items() if vm.restart_asked}
    return changing | migrating | restarting


def coming_up(live: LiveState) -> set[ObjectRef]:
    """Return the VMs whose VMI exists but is not running, for example because it is starting."""
    return {
        ref
        for ref, vmi in live.vmis.items()
        if vmi.deleting or (vmi.phase != "Running" and not vmi.final)
    }


def node_of(live: LiveState, ref: ObjectRef) -> str:
    """Return the node on which a VM runs, or an empty string if the VM does not run."""
    vmi = live.vmis.get(ref)
    return vmi.node if vmi else ""
