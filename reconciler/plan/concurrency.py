"""``Concurrency``: limits how many changes can be in progress at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.plan.behaviour.effective_config import EffectiveConfig
    from reconciler.plan.plan_policy import PlanPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """The limits on concurrent changes, from KubeVirt's limits and the user's configuration."""

    cluster: int
    """The maximum number of concurrent changes in the cluster."""
    shard: int
    """The part of the cluster-wide limit that this shard can use."""
    per_node: int
    """The maximum number of concurrent changes to VMs on one node."""


def concurrency_of(config: EffectiveConfig, policy: PlanPolicy) -> Concurrency:
    """Return the concurrency limits, each the smaller of KubeVirt's and the user's limit."""
    cluster = _smaller(config.parallel, policy.max_concurrent)
    return Concurrency(
        cluster=cluster,
        shard=policy.shard.share(cluster),
        per_node=_smaller(config.outbound_per_node, policy.max_per_node),
    )


def _smaller(own: int, wanted: int | None) -> int:
    return own if wanted is None else min(own, wanted)
