"""What every decision of one moment shares: both states, the policy, KubeVirt before and after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredState
from reconciler.model.live.live_state import LiveState
from reconciler.model.plan.plan import Decision, Effect, Reason
from reconciler.plan.behaviour.effective_config import EffectiveConfig, effective_config_of
from reconciler.plan.kubevirt.kubevirt_decision import decide_kubevirt
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.vm.rules.situation import InputsRead
from reconciler.plan.vm.vm_decision import decide_vm

if TYPE_CHECKING:
    from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """What every decision of one moment shares."""

    desired: DesiredState
    live: LiveState
    policy: PlanPolicy
    now: datetime
    kubevirt: Decision | None
    before: EffectiveConfig
    after: EffectiveConfig

    def vm(self, ref: ObjectRef) -> Decision:
        """Decide the VM *ref*, which the desired state holds."""
        return self.seen(ref)[0]

    def seen(self, ref: ObjectRef) -> tuple[Decision, InputsRead]:
        """The same, and which of the rest of the snapshot it was judged by."""
        inputs_read = InputsRead(self.live, self.now)
        decision = decide_vm(
            self.desired,
            self.desired.vms[ref],
            self.live,
            before=self.before,
            after=self.after,
            policy=self.policy,
            inputs_read=inputs_read,
        )
        return decision, inputs_read

    @property
    def own(self) -> list[ObjectRef]:
        """The VMs to be decided, in order."""
        shard = self.policy.shard
        if shard.total == 1:
            return sorted(self.desired.vms)
        return sorted(ref for ref in self.desired.vms if shard.holds(ref.namespace))


def plan_context(
    desired: DesiredState, live: LiveState, policy: PlanPolicy, now: datetime
) -> PlanContext:
    """Decide the CR, and with it the regime that the VMs will meet."""
    decided = decide_kubevirt(desired, live)
    return PlanContext(
        desired=desired,
        live=live,
        policy=policy,
        now=now,
        kubevirt=_left_to_another(decided.decision, policy),
        before=effective_config_of(live.kubevirt),
        after=effective_config_of(decided.after),
    )


def _left_to_another(decision: Decision | None, policy: PlanPolicy) -> Decision | None:
    """The CR's decision as a shard sees it that leaves the CR to another one."""
    if decision is None or policy.shard.has_config or decision.effect is not Effect.CONFIG:
        return decision
    return replace(
        decision,
        effect=Effect.WAIT,
        reason=Reason.KUBEVIRT_NOT_SETTLED,
        message=f"shard 0 {decision.message}",
        hint=f"run shard 0/{policy.shard.total} as well",
        actions=(),
    )
