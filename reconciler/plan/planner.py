"""The whole decision: desired state and live state in, plan out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredState
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.live_state import LiveState
from reconciler.model.plan.plan import Decision, Effect, Plan, Reason
from reconciler.plan.behaviour.effective_config import Regime, regime_of
from reconciler.plan.behaviour.versions import NEWEST_KNOWN
from reconciler.plan.capacity.placement import crowding
from reconciler.plan.digest import plan_digest
from reconciler.plan.forecast.forecast import forecast
from reconciler.plan.kubevirt.kubevirt_decision import decide_kubevirt
from reconciler.plan.ordering import ranks
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.rollout_notes import rollout_notes
from reconciler.plan.vm.rules.situation import Sight
from reconciler.plan.vm.vm_decision import decide_vm
from reconciler.plan.waves import waves_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.plan.plan import Wave
    from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every decision of one moment shares."""

    desired: DesiredState
    live: LiveState
    policy: PlanPolicy
    now: datetime
    kubevirt: Decision | None
    before: Regime
    after: Regime

    def vm(self, ref: ObjectRef) -> Decision:
        """Decide the VM *ref*, which the desired state holds."""
        return self.seen(ref)[0]

    def seen(self, ref: ObjectRef) -> tuple[Decision, Sight]:
        """The same, and which of the rest of the snapshot it was judged by."""
        sight = Sight(self.live, self.now)
        decision = decide_vm(
            self.desired,
            self.desired.vms[ref],
            self.live,
            before=self.before,
            after=self.after,
            policy=self.policy,
            sight=sight,
        )
        return decision, sight

    @property
    def own(self) -> list[ObjectRef]:
        """The VMs to be decided, in order."""
        shard = self.policy.shard
        if shard.total == 1:
            return sorted(self.desired.vms)
        return sorted(ref for ref in self.desired.vms if shard.holds(ref.namespace))


def frame(desired: DesiredState, live: LiveState, policy: PlanPolicy, now: datetime) -> Frame:
    """Decide the CR, and with it the regime that the VMs will meet."""
    decided = decide_kubevirt(desired, live)
    return Frame(
        desired=desired,
        live=live,
        policy=policy,
        now=now,
        kubevirt=_left_to_another(decided.decision, policy),
        before=regime_of(live.kubevirt),
        after=regime_of(decided.after),
    )


def decide(desired: DesiredState, live: LiveState, policy: PlanPolicy, now: datetime) -> Plan:
    """Decide every object that Git names.

    Args:
        desired: One revision; its order means nothing.
        live: One snapshot.
        policy: What the user has consented to.
        now: Aware; only ages are computed from it.

    Returns:
        A plan with one decision an object, in the order of the references. Where the desired
        state is invalid, nothing is to be done.
    """
    around = frame(desired, live, policy, now)
    return assembled(around, [around.vm(ref) for ref in around.own])


def assembled(around: Frame, vms: list[Decision]) -> Plan:
    """The plan with the decisions on *vms*, one for each of ``around.own``."""
    desired, live, policy = around.desired, around.live, around.policy
    decisions = list(vms)
    if around.kubevirt is not None:
        decisions.insert(0, around.kubevirt)
    if not desired.valid:
        decisions = [replace(each, actions=()) for each in decisions]
    actions = [action for each in decisions for action in each.actions]
    priorities = {ref: vm.priority for ref, vm in desired.vms.items()}
    turns = ranks(desired.vms, desired, live, policy) if policy.canary or policy.batches else {}
    waves = waves_of(actions, priorities, turns)
    return Plan(
        revision=desired.revision,
        dirty=desired.dirty,
        cluster=live.cluster_id,
        kubevirt=live.kubevirt.ref,
        kubevirt_version=live.kubevirt.version,
        observed_at=live.observed_at,
        decisions=tuple(decisions),
        waves=waves,
        forecast=forecast(decisions, waves, around, turns),
        diagnostics=(
            *desired.diagnostics,
            *live.diagnostics,
            *_version_note(around.before, live),
            *_room_notes(decisions, waves, around),
            *rollout_notes(decisions, around, turns),
        ),
        skipped=desired.skipped,
        digest=plan_digest(action for wave in waves for action in wave.actions),
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


def _room_notes(
    decisions: Sequence[Decision], waves: Sequence[Wave], around: Frame
) -> tuple[Diagnostic, ...]:
    """What could not be looked at, and which changes have no room beside the others."""
    live, limit = around.live, around.after.parallel
    if live.room is None:
        return ()
    if around.policy.max_concurrent is not None:
        limit = min(limit, around.policy.max_concurrent)
    limit = around.policy.shard.share(limit)
    return (*live.room.diagnostics, *crowding(decisions, waves, live, limit))


def _version_note(regime: Regime, live: LiveState) -> tuple[Diagnostic, ...]:
    if regime.capabilities.known:
        return ()
    used = ".".join(map(str, regime.capabilities.version[:2]))
    newest = ".".join(map(str, NEWEST_KNOWN[:2]))
    note = Diagnostic(
        severity=Severity.WARNING,
        code="unknown-kubevirt-version",
        message=f"KubeVirt {live.kubevirt.version or 'without a version'} is not a version known "
        f"here (up to v{newest}); it is treated as v{used}",
        ref=live.kubevirt.ref,
    )
    return (note,)
