"""What the user has consented to, and when waiting counts as failing; defaults are safe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """The user's choices that bear on decisions."""

    create: bool = False
    """Whether a VM that only Git has is created."""
    stage_restarts: bool = False
    """Whether a change that needs a restart is written, to take effect at the next one."""
    guest_timeout_s: float = 300.0
    """How long a guest may take to accept memory after the migration has ended."""
    failed_migrations: int = 3
    """How many failed migrations in a row make a VM count as failed, though KubeVirt goes on."""
    cluster: str = ""
    """Uid of the namespace kube-system that Git is meant for; empty for any."""
    max_concurrent: int | None = None
    """At most this many changes in flight; None leaves KubeVirt's own limits."""
