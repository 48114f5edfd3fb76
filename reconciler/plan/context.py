"""``PlanContext``: what all decisions of one moment share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredState
from reconciler.model.live.live_state import LiveState
from reconciler.model.plan.plan import Decision
from reconciler.plan.behaviour.effective_config import EffectiveConfig
from reconciler.plan.plan_policy import PlanPolicy

if TYPE_CHECKING:
    from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """Git, the cluster and the policy at one moment, and KubeVirt's configuration."""

    desired: DesiredState
    live: LiveState
    policy: PlanPolicy
    now: datetime
    kubevirt: Decision | None
    """The decision on the KubeVirt CR; None where Git has no KubeVirt CR."""
    before: EffectiveConfig
    """KubeVirt's configuration as it is now."""
    after: EffectiveConfig
    """KubeVirt's configuration after the plan's own changes of the CR."""

    @property
    def own(self) -> list[ObjectRef]:
        """The VMs of this shard, in order."""
        shard = self.policy.shard
        if shard.total == 1:
            return sorted(self.desired.vms)
        return sorted(ref for ref in self.desired.vms if shard.holds(ref.namespace))
