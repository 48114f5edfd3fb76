"""Takes the leases that a run needs, after a check of its access rights."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.write import access_review
from reconciler.model.plan.plan import Effect, Verb
from reconciler.rollout.writes.needed_leases import NoLease, touches_config, touches_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.client import Client
    from reconciler.model.plan.plan import Plan
    from reconciler.model.shard import Shard
    from reconciler.ports import Clock, Lease


CONFIG_LEASE = "memory-reconciler-config"
"""Lease over the KubeVirt CR, as in the Role of examples/deploy."""


def memory_lease(shard: Shard) -> str:
    """Return the name of the lease over the VMs of *shard*, as in the Role of examples/deploy."""
    return f"memory-reconciler-memory-{shard.index}"


class Leases(NamedTuple):
    """Both leases of one run; a lease that the run does not need counts as held."""

    config: Lease
    memory: Lease


@contextmanager
def hold_leases(
    plan: Plan,
    shard: Shard,
    client: Client,
    clock: Clock,
    *,
    namespace: str,
    run_id: str,
    scale: float,
    until: float | None,
) -> Iterator[Leases]:
    """Hold the leases that a run of *plan* needs, until the block ends.

    Args:
        plan: Says which objects the run may write to.
        shard: The shard whose VMs the run changes.
        client: The cluster.
        clock: The run's clock.
        namespace: Namespace of the KubeVirt CR, where the leases are.
        run_id: The holder.
        scale: Seconds of *clock* per real second.
        until: Monotonic time at which waiting for a lease ends; None sets no limit.

    Raises:
        ForbiddenError: The credentials lack access rights.
        LeaseHeldError: Another run holds one of the leases; the other one is released.
        ClusterError: The API server does not answer for the rights or the leases.
    """
    config, memory = touches_config(plan, shard), touches_memory(plan)
    if config or memory:
        access_review.require(
            client,
            access_review.apply_rights(
                namespace,
                config_lease=CONFIG_LEASE if config else None,
                memory_lease=memory_lease(shard) if memory else None,
                create=any(each.effect is Effect.CREATE for each in plan.decisions),
                restart=any(
                    action.verb is Verb.RESTART for wave in plan.waves for action in wave.actions
                ),
            ),
        )

    def lease(name: str, beside: Lease) -> ClusterLease:
        wait_s = None if until is None else max(0.0, until - clock.monotonic()) / scale
        return ClusterLease(
            client,
            clock=clock,
            namespace=namespace,
            name=name,
            holder=run_id,
            scale=scale,
            wait_s=wait_s,
            waiting=beside.held,
        )

    # Every run takes them in this order, so that no two runs wait for each other.
    with ExitStack() as stack:
        none = NoLease()
        first: Lease = stack.enter_context(lease(CONFIG_LEASE, none)) if config else none
        second: Lease = none
        if memory:
            second = stack.enter_context(lease(memory_lease(shard), first))
        yield Leases(config=first, memory=second)
