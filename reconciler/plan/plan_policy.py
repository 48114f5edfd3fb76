"""``PlanPolicy``: the permissions, limits and time-outs that the user has configured."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.desired.config import (
    Canary,
    Config,
    HyperConvergedPolicy,
    RestartConsent,
    Window,
    WindowKind,
)
from reconciler.model.quantity import Duration
from reconciler.model.selector import Selector
from reconciler.model.shard import WHOLE_FLEET, Shard

ALWAYS = (Window(kind=WindowKind.ALLOW, cron="0 0 * * *", duration=Duration.parse("48h")),)
"""A maintenance window that is always open, for runs that ignore the configured windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """The user's settings that affect planning; the defaults are safe."""

    create: bool = False
    """Whether to create VMs that exist only in Git."""
    restart: RestartConsent = RestartConsent.NEVER
    """How to handle a change that needs a restart, for VMs without a restart annotation."""
    guest_timeout_s: float = 300.0
    """The seconds within which a guest must use or release memory after the migration has ended.

    Without a migration, the time starts when the size is written.
    """
    failed_migrations: int = 3
    """The number of consecutive failed migrations after which a VM's change has failed."""
    cluster: str = ""
    """The uid of the intended cluster's namespace kube-system; empty for any cluster."""
    max_concurrent: int | None = None
    """The maximum number of concurrent changes; None if only KubeVirt's own limit applies."""
    max_per_node: int | None = None
    """The maximum number of concurrent changes per node; None for KubeVirt's limit alone."""
    batches: tuple[Selector, ...] = ()
    """The label selectors of the batches, in order; VMs that no batch selects change last."""
    canary: Canary | None = None
    """The VMs that change before all others."""
    anti_affinity: tuple[str, ...] = ()
    """Label keys; VMs in a namespace that share a value of such a label change one at a time."""
    shard: Shard = WHOLE_FLEET
    """The shard whose VMs are planned; changes in other shards still count towards limits."""
    windows: tuple[Window, ...] = ()
    """The maintenance windows that allow or deny writes; if empty, writes are always allowed."""
    hold_while: tuple[AlertMatcher, ...] = ()
    """Selects Prometheus alerts; while one of them is firing, no new change starts."""
    hyperconverged: HyperConvergedPolicy = HyperConvergedPolicy.BLOCK
    """What to do with a setting for which HyperConverged has no field."""
    settle_deadline_s: float = 300.0
    """The seconds within which KubeVirt must apply a change to its CR, or else the run fails."""


def plan_policy(
    config: Config,
    *,
    shard: Shard = WHOLE_FLEET,
    ignore_windows: bool = False,
    ignore_alerts: bool = False,
) -> PlanPolicy:
    """Return the planning policy that the configuration sets for one shard's VMs."""
    return PlanPolicy(
        shard=shard,
        create=config.create,
        restart=config.restart,
        hyperconverged=config.hyperconverged,
        guest_timeout_s=config.guest_timeout.seconds,
        cluster=config.cluster or "",
        max_concurrent=config.max_concurrent,
        max_per_node=config.max_per_node,
        batches=config.batches,
        canary=config.canary,
        anti_affinity=config.anti_affinity,
        failed_migrations=config.failed_migrations,
        settle_deadline_s=config.settle_timeout.seconds,
        hold_while=() if ignore_alerts else config.hold_while,
        windows=ALWAYS if ignore_windows else config.windows,
    )
