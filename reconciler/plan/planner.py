"""``Planner``: decides what happens to each object, and updates only outdated decisions."""

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Decision, Effect, Reason
from reconciler.plan.behaviour.effective_config import effective_config_of
from reconciler.plan.behaviour.target_pod import rendering_of
from reconciler.plan.build_plan import build_plan
from reconciler.plan.context import PlanContext
from reconciler.plan.finding import invalid
from reconciler.plan.kubevirt.kubevirt_decision import decide_kubevirt
from reconciler.plan.vm.rules.vm_inputs import SharedInputs, VMNames
from reconciler.plan.vm.vm_decision import decide_vm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.alerts.alert_hold import AlertHold
    from reconciler.model.clock_difference import ClockDifference
    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Plan
    from reconciler.model.references import ObjectRef
    from reconciler.plan.plan_policy import PlanPolicy


class _Remembered(NamedTuple):
    """A stored decision about a VM, with its inputs that concern only this VM."""

    inputs: Sequence[object]
    decision: Decision


class Planner:
    """Decides what happens to each object, and keeps decisions whose inputs are unchanged.

    Call ``update`` with the inputs first. Then ``decision`` decides one VM, and ``plan`` all VMs.
    The planner stores each decision and returns it again until one of its inputs changes:

    - the VM's own inputs: its manifest and location in Git, the VM, its instance, its migrations;
    - pods and quotas, if a rule read them;
    - the time or other VMs, if a rule read them: such a decision is valid until the next update;
    - the inputs that all VMs share, such as the KubeVirt CR or the nodes.

    The VM's own inputs are compared by identity, because equal values can have different
    notations, and a decision quotes the notation. Therefore, callers must pass the same object for
    an unchanged input.
    """

    def __init__(self) -> None:
        self._context: PlanContext | None = None
        self._shared: tuple[object, ...] = ()
        self._remembered: dict[ObjectRef, _Remembered] = {}
        self._read_capacity: set[ObjectRef] = set()
        """The VMs whose decisions depend on pods and quotas, even if these are not known yet."""
        self._momentary: set[ObjectRef] = set()
        """The VMs whose decisions depend on the time or on other VMs."""
        self._names: VMNames | None = None
        self.decided = 0
        """The number of decisions about VMs since the last update."""

    @property
    def context(self) -> PlanContext:
        """The planning inputs that the last call to ``update`` set."""
        if self._context is None:
            raise RuntimeError("call update() first")
        return self._context

    @property
    def capacity_mattered(self) -> bool:
        """Whether a decision depends on free capacity, even if pods have not been read yet."""
        return bool(self._read_capacity)

    def update(
        self,
        desired: DesiredState,
        live: LiveState,
        policy: PlanPolicy,
        now: datetime,
        *,
        clocks: ClockDifference | None = None,
        hold: AlertHold | None = None,
        kubevirt_stays: bool = False,
    ) -> PlanContext:
        """Replace the inputs of the plan, and decide how the KubeVirt CR changes.

        *clocks* is set if the local clock and the API server's clock differ by minutes. *hold* is
        set if alerts pause the rollout. With *kubevirt_stays*, VMs are planned as if the KubeVirt
        CR never changed.
        """
        self._names = VMNames(live)
        decided = decide_kubevirt(desired, live, policy.hyperconverged)
        kubevirt = _left_to_shard_0(decided.decision, policy)
        stays = kubevirt_stays and kubevirt is not None and _would_change(kubevirt)
        before = effective_config_of(live.kubevirt)
        context = PlanContext(
            desired=desired,
            errors=desired.errors(),
            live=live,
            policy=policy,
            now=now,
            kubevirt=kubevirt,
            before=before,
            after=before if stays else effective_config_of(decided.after),
            hold=hold,
            clocks=clocks,
        )
        self._forget_outdated(context)
        self._context, self.decided = context, 0
        return context

    def needs_capacity(self) -> bool:
        """Return whether a decision depends on pods and quotas that have not been read yet.

        The planner decides one VM after another until a decision depends on pods and quotas.
        """
        context = self.context
        if context.live.capacity is not None:
            return False
        for ref in context.own:
            if self.capacity_mattered:
                break
            self.decision(ref)
        return self.capacity_mattered

    def add_capacity(self, capacity: Capacity | None) -> None:
        """Add pods and quotas to the inputs, and discard stored decisions that depend on them."""
        live = replace(self.context.live, capacity=capacity)
        self._forget(self._read_capacity)
        self._context = replace(self.context, live=live)

    def decision(self, ref: ObjectRef) -> Decision:
        """Return the decision about a VM, which must be in the desired state."""
        context = self.context
        return self._decision(ref, tuple(each.get(ref) for each in _by_vm(context)), context)

    def plan(self) -> Plan:
        """Return the plan: one decision per object, ordered by reference.

        An object with an error in Git is blocked; other objects are not affected.
        """
        context = self.context
        own = context.own
        inputs = zip(*(map(each.get, own) for each in _by_vm(context)), strict=True)
        return build_plan(context, map(self._decision, own, inputs, [context] * len(own)))

    def _decision(
        self, ref: ObjectRef, inputs: tuple[object, ...], context: PlanContext
    ) -> Decision:
        remembered = self._remembered.get(ref)
        if remembered is not None and all(map(is_, remembered.inputs, inputs)):
            return remembered.decision
        self.decided += 1
        shared = SharedInputs(context.live, context.now, self._names)
        if ref in context.errors:
            error, vm = context.errors[ref], context.live.vms.get(ref)
            uid, finding = vm.uid if vm else None, invalid(error)
            decision = Decision(
                ref=ref, uid=uid, effect=finding.effect, why=finding.why, at=error.at
            )
        else:
            decision = decide_vm(
                context.desired,
                context.desired.vms[ref],
                context.live,
                before=context.before,
                after=context.after,
                policy=context.policy,
                shared=shared,
            )
        if remembered is not None:
            self._forget((ref,))
        self._remembered[ref] = _Remembered(inputs, decision)
        if shared.capacity_read:
            self._read_capacity.add(ref)
        if shared.moment_read:
            self._momentary.add(ref)
        return decision

    def _forget_outdated(self, context: PlanContext) -> None:
        """Discard stored decisions if inputs that do not belong to one VM have changed."""
        shared, before = _shared(context), self._context
        if shared != self._shared:
            self._forget(self._remembered)
        self._forget(self._momentary)
        if before is not None and context.live.capacity is not before.live.capacity:
            self._forget(self._read_capacity)
        if len(self._remembered) > len(context.desired.vms):
            self._forget(self._remembered.keys() - context.desired.vms.keys())
        self._shared = shared

    def _forget(self, refs: Iterable[ObjectRef]) -> None:
        for ref in tuple(refs):
            self._remembered.pop(ref, None)
            self._read_capacity.discard(ref)
            self._momentary.discard(ref)


def _by_vm(context: PlanContext) -> tuple[Mapping[ObjectRef, object], ...]:
    """Return the planning inputs that concern only one VM, by VM."""
    desired, live = context.desired, context.live
    return desired.vms, desired.provenance, context.errors, live.vms, live.vmis, live.migrations


def _shared(context: PlanContext) -> tuple[object, ...]:
    """Return the planning inputs on which every decision depends."""
    live = context.live
    return (
        context.before,
        context.after,
        context.desired.kubevirt,
        context.policy,
        rendering_of(live.kubevirt),
        live.cluster_id,
        live.nodes,
        live.instancetypes,
        live.instancetype_kinds,
        live.api_groups,
        live.diagnostics,
        # Equal quantities may have different notations, and messages quote the notation.
        *(each.max_guest and each.max_guest.raw for each in (context.before, context.after)),
    )


def _would_change(kubevirt: Decision) -> bool:
    """Return whether the plan changes the KubeVirt CR now, or waits for the CR's operator."""
    return kubevirt.effect is Effect.CONFIG or kubevirt.reason is Reason.OWNER_NOT_SETTLED


def _left_to_shard_0(decision: Decision | None, policy: PlanPolicy) -> Decision | None:
    """Delay a change to the KubeVirt CR in shards other than 0, because shard 0 changes the CR."""
    if decision is None or policy.shard.has_config or decision.effect is not Effect.CONFIG:
        return decision
    why = Explanation(
        reason=Reason.KUBEVIRT_NOT_SETTLED,
        message=f"shard 0 {decision.why.message}",
        hint=f"also start a run with `--shard 0/{policy.shard.total}`, which changes the KubeVirt "
        "CR",
    )
    return replace(decision, effect=Effect.WAIT, why=why, actions=())
