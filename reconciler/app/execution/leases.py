"""Checks the permissions that a run needs, and then acquires the run's leases."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.cluster.write import access_review
from reconciler.errors import LeaseHeldError
from reconciler.model.plan.plan import Effect, Verb
from reconciler.model.shard import WHOLE_FLEET
from reconciler.rollout.writes.needed_leases import NoLease, touches_config, touches_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from reconciler.cluster.api.client import Client
    from reconciler.model.plan.plan import Plan
    from reconciler.model.shard import Shard
    from reconciler.ports import Clock, Lease


SERVE_LEASE = "memory-reconciler-serve"
"""The name of the leader election Lease for ``serve``, as in the Role in examples/deploy."""


CONFIG_LEASE = "memory-reconciler-config"
"""The name of the Lease for writes to the KubeVirt CR, as in the Role in examples/deploy."""


LEADER_TIMES = LeaseTimes(duration_s=15, renew_s=5.0, margin_s=3.0, request_s=3.0, again_s=1.0)
"""The timings of the leader's Lease, which are shorter than those of a run's Lease.

No write depends on this Lease, so a short duration only means that another process takes over
sooner. The duration is the default of Kubernetes controllers.

Source: k8s.io/component-base, config/v1alpha1 (RecommendedDefaultLeaderElectionConfiguration).
"""


def memory_lease(shard: Shard) -> str:
    """Return the name of the Lease for a shard's VMs, which the Role in examples/deploy lists."""
    return f"memory-reconciler-memory-{shard.index}"


def serve_lease(shard: Shard) -> str:
    """Return the name of the leader election Lease for a shard's ``serve`` processes."""
    return f"{SERVE_LEASE}-{shard.index}" if shard.index else SERVE_LEASE


class Leases(NamedTuple):
    """The two leases of one run; a lease that the run does not need counts as acquired."""

    config: Lease
    memory: Lease


def leader_lease(
    client: Client,
    clock: Clock,
    *,
    instance: str,
    scale: float,
    shard: Shard = WHOLE_FLEET,
    times: LeaseTimes | None = None,
) -> Callable[[str, Callable[[], None]], AbstractContextManager[Lease]]:
    """Return a function that acquires the leader election Lease for ``serve`` processes.

    The function takes the namespace of the KubeVirt CR and a callback. The callback is called each
    second while another process holds the Lease, and can raise an exception to end the wait.

    Args:
        client: Sends the requests; must not be used by another thread.
        clock: Measures the age of the lease.
        instance: The name of this process.
        scale: The number of seconds of *clock* per real second.
        shard: The shard of this process; each shard has its own leader.
        times: How long the lease lasts; None for ``LEADER_TIMES``.
    """
    return lambda namespace, waiting: ClusterLease(
        client,
        clock=clock,
        namespace=namespace,
        name=serve_lease(shard),
        holder=instance,
        times=times or LEADER_TIMES,
        scale=scale,
        waiting=waiting,
        level=logging.DEBUG,
    )


@contextmanager
def hold_leases(  # noqa: PLR0913 - each but the first four is given by name
    plan: Plan,
    shard: Shard,
    client: Client,
    clock: Clock,
    *,
    namespace: str,
    run_id: str,
    scale: float,
    until: float | None,
    alive_s: float,
) -> Iterator[Leases]:
    """Hold the leases that a run needs to apply a plan until the end of the block.

    The leases are in *namespace*, where the KubeVirt CR is, and *run_id* is their holder. *scale*
    is the number of seconds of *clock* per real second. The wait for a lease ends at the monotonic
    time *until*; *alive_s* is the longest wait in real seconds for another run that is active.

    Raises:
        ForbiddenError: The credentials lack permissions.
        LeaseHeldError: Another run holds one of the leases; the other lease is released.
        ClusterError: The API server did not respond to a request about permissions or leases.
    """
    config, memory = touches_config(plan, shard), touches_memory(plan)
    _require_rights(plan, shard, client, namespace)

    def lease(name: str, beside: Lease, alive_s: float) -> ClusterLease:
        wait_s = None if until is None else max(0.0, until - clock.monotonic()) / scale
        return ClusterLease(
            client,
            clock=clock,
            namespace=namespace,
            name=name,
            holder=run_id,
            scale=scale,
            wait_s=wait_s,
            alive_s=alive_s,
            waiting=beside.held,
        )

    def acquire(stack: ExitStack, alive_s: float) -> Leases:
        # Every run acquires the leases in this order, so that no two runs wait for each other.
        none = NoLease()
        first: Lease = none
        if config:
            first = stack.enter_context(lease(CONFIG_LEASE, none, alive_s))
        second: Lease = none
        if memory:
            # A run that waits for one lease must not keep others from the other lease.
            second = stack.enter_context(
                lease(memory_lease(shard), first, 0.0 if config else alive_s)
            )
        return Leases(config=first, memory=second)

    began = clock.monotonic()

    def left_s() -> float:
        return max(0.0, alive_s - (clock.monotonic() - began) / scale)

    while True:
        with ExitStack() as stack:
            try:
                leases = acquire(stack, left_s())
            except LeaseHeldError:
                if not (config and memory and left_s()):
                    raise
            else:
                yield leases
                return
        # Wait without the other lease until this one is free; then try to acquire both again.
        with lease(memory_lease(shard), NoLease(), left_s()):
            pass


def _require_rights(plan: Plan, shard: Shard, client: Client, namespace: str) -> None:
    """Check that the credentials have all permissions that the plan needs."""
    config, memory = touches_config(plan, shard), touches_memory(plan)
    if config or memory:
        access_review.require(
            client,
            access_review.apply_rights(
                namespace,
                config_lease=CONFIG_LEASE if config else None,
                memory_lease=memory_lease(shard) if memory else None,
                written=access_review.owner_rights(plan),
                create=any(each.effect is Effect.CREATE for each in plan.decisions),
                restart=any(
                    action.verb is Verb.RESTART for wave in plan.waves for action in wave.actions
                ),
            ),
        )
