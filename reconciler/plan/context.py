"""``PlanContext``: the inputs that all decisions in a plan share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.model.alerts.alert_hold import AlertHold
from reconciler.model.clock_difference import ClockDifference
from reconciler.model.desired.desired_state import DesiredState
from reconciler.model.diagnostic import Diagnostic
from reconciler.model.live.live_state import LiveState
from reconciler.model.plan.plan import Decision
from reconciler.model.references import ObjectRef
from reconciler.plan.behaviour.effective_config import EffectiveConfig
from reconciler.plan.plan_policy import PlanPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """The desired state, the live state, the policy and KubeVirt's configuration for one plan."""

    desired: DesiredState
    errors: Mapping[ObjectRef, Diagnostic]
    """The first error in Git for each object that has errors."""
    live: LiveState
    policy: PlanPolicy
    now: datetime
    kubevirt: Decision | None
    """The decision about the KubeVirt CR; None if Git has no KubeVirt CR."""
    before: EffectiveConfig
    """KubeVirt's effective configuration before the plan's changes to the KubeVirt CR."""
    after: EffectiveConfig
    """KubeVirt's effective configuration after the plan's changes to the KubeVirt CR."""
    hold: AlertHold | None = None
    """Why alerts pause the rollout; None if they do not, or if alerts were not read."""
    clocks: ClockDifference | None = None
    """The local time and the API server's time, if these differ by minutes, else None."""

    @property
    def own(self) -> list[ObjectRef]:
        """The desired VMs in this shard, ordered by reference."""
        shard = self.policy.shard
        if shard.total == 1:
            return sorted(self.desired.vms)
        return sorted(ref for ref in self.desired.vms if shard.holds(ref.namespace))
