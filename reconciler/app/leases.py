"""Takes the leases that a run needs, after a look at the rights that it needs."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from reconciler.app import wiring
from reconciler.model.plan.plan import Effect, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.client import Client
    from reconciler.model.plan.plan import Plan
    from reconciler.model.shard import Shard
    from reconciler.ports import Clock, Lease


class Leases(NamedTuple):
    """Both rights of one run; one that it does not need is always held."""

    config: Lease
    memory: Lease


@contextmanager
def leases(
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
    """What a run of *plan* may need to hold, until the block ends.

    Args:
        plan: Says which objects may be written to.
        shard: Whose VMs they are.
        client: The cluster.
        clock: Of the run.
        namespace: That of the KubeVirt CR, in which the leases are.
        run_id: The holder.
        scale: Seconds of *clock* a real second.
        until: Monotonic; the longest to wait for a lease.

    Raises:
        ForbiddenError: Rights are missing.
        LeaseHeldError: Another run holds one of them; the other is given back.
        ClusterError: The rights or the leases cannot be read or written.
    """
    from reconciler.cluster.lease.lease import ClusterLease  # noqa: PLC0415 - with it
    from reconciler.cluster.write import access_review  # noqa: PLC0415 - keeps --help fast
    from reconciler.rollout.writes.needed_leases import (  # noqa: PLC0415 - with it
        NoLease,
        touches_config,
        touches_memory,
    )

    config, memory = touches_config(plan, shard), touches_memory(plan)
    if config or memory:
        access_review.require(
            client,
            access_review.apply_rights(
                namespace,
                config_lease=wiring.CONFIG_LEASE if config else None,
                memory_lease=wiring.memory_lease(shard) if memory else None,
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

    # Always in this order, so that no two runs wait for each other.
    with ExitStack() as stack:
        none = NoLease()
        first: Lease = stack.enter_context(lease(wiring.CONFIG_LEASE, none)) if config else none
        second: Lease = none
        if memory:
            second = stack.enter_context(lease(wiring.memory_lease(shard), first))
        yield Leases(config=first, memory=second)
