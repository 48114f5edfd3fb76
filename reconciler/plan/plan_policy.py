"""What the user has consented to, and when waiting counts as failing; defaults are safe."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.model.desired.config import Canary, RestartConsent, Window
from reconciler.model.selector import Selector
from reconciler.model.shard import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """The user's choices that bear on decisions."""

    create: bool = False
    """Whether a VM that only Git has is created."""
    restart: RestartConsent = RestartConsent.NEVER
    """What may be done to a VM whose change needs a restart, where Git says nothing of it."""
    guest_timeout_s: float = 300.0
    """How long a guest may take to accept memory after the migration has ended."""
    failed_migrations: int = 3
    """How many failed migrations in a row make a VM count as failed, though KubeVirt goes on."""
    cluster: str = ""
    """Uid of the namespace kube-system that Git is meant for; empty for any."""
    max_concurrent: int | None = None
    """At most this many changes in flight; None leaves KubeVirt's own limits."""
    max_per_node: int | None = None
    """At most this many in flight of VMs on one node; None leaves KubeVirt's own limits."""
    batches: tuple[Selector, ...] = ()
    """The order of the VMs; those that none selects come last."""
    canary: Canary | None = None
    """VMs that change before all others."""
    anti_affinity: tuple[str, ...] = ()
    """Label keys: VMs of a namespace that share a value are never changed at the same time."""
    shard: Shard = field(default_factory=Shard)
    """Whose VMs are decided; all are looked at."""
    windows: tuple[Window, ...] = ()
    """When writes may happen; empty for always."""
