"""``PlanPolicy``: what the user has consented to, and when waiting counts as a failure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.desired.config import Canary, Config, RestartConsent, Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.model.selector import Selector
from reconciler.model.shard import WHOLE_FLEET, Shard

ALWAYS = (Window(kind=WindowKind.ALLOW, cron="0 0 * * *", duration=Duration.parse("48h")),)
"""A window that never closes; it replaces the windows that the user asks to ignore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """The user's choices that affect decisions; the defaults are safe."""

    create: bool = False
    """Whether a VM that only Git has is created."""
    restart: RestartConsent = RestartConsent.NEVER
    """What may be done to a VM whose change needs a restart and that has no annotation."""
    guest_timeout_s: float = 300.0
    """How long a guest may take to accept memory after the migration has ended."""
    failed_migrations: int = 3
    """How many failed migrations in a row make a VM count as failed; KubeVirt continues."""
    cluster: str = ""
    """Uid of the namespace kube-system of the intended cluster; empty for any cluster."""
    max_concurrent: int | None = None
    """The most changes in flight; None for KubeVirt's own limit."""
    max_per_node: int | None = None
    """The most changes in flight of VMs on one node; None for KubeVirt's own limit."""
    batches: tuple[Selector, ...] = ()
    """The batches in order; VMs that no batch selects come last."""
    canary: Canary | None = None
    """The VMs that change before all others."""
    anti_affinity: tuple[str, ...] = ()
    """Label keys: VMs of a namespace with the same value never change at the same time."""
    shard: Shard = WHOLE_FLEET
    """The shard whose VMs are decided; VMs of all shards count as being in flight."""
    windows: tuple[Window, ...] = ()
    """The times at which writes are allowed; empty for always."""
    settle_deadline_s: float = 300.0
    """How long the CR may take to settle after a change before the run gives up on it."""


def plan_policy(
    config: Config,
    *,
    shard: Shard = WHOLE_FLEET,
    ignore_windows: bool = False,
) -> PlanPolicy:
    """Return the policy that *config* sets for the VMs of *shard*."""
    return PlanPolicy(
        shard=shard,
        create=config.create,
        restart=config.restart,
        guest_timeout_s=config.guest_timeout.seconds,
        cluster=config.cluster or "",
        max_concurrent=config.max_concurrent,
        max_per_node=config.max_per_node,
        batches=config.batches,
        canary=config.canary,
        anti_affinity=config.anti_affinity,
        failed_migrations=config.failed_migrations,
        settle_deadline_s=config.settle_timeout.seconds,
        windows=ALWAYS if ignore_windows else config.windows,
    )
