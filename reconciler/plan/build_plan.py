"""``build_plan``: builds the plan from the decisions about all objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.plan.plan import Plan
from reconciler.plan.behaviour.versions import NEWEST_KNOWN
from reconciler.plan.capacity.capacity_warnings import capacity_warnings
from reconciler.plan.concurrency import concurrency_of
from reconciler.plan.digest import plan_digest
from reconciler.plan.forecast.forecast import forecast
from reconciler.plan.ordering import ranks
from reconciler.plan.rollout_notes import rollout_notes
from reconciler.plan.waves import waves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision, Wave
    from reconciler.plan.behaviour.effective_config import EffectiveConfig
    from reconciler.plan.context import PlanContext


def build_plan(context: PlanContext, vms: Iterable[Decision]) -> Plan:
    """Build a plan from *context* and the decisions about the VMs in this process's shard."""
    desired, live, policy = context.desired, context.live, context.policy
    decisions = list(vms)
    if context.kubevirt is not None:
        decisions.insert(0, context.kubevirt)
    actions = [action for each in decisions for action in each.actions]
    priorities = {ref: vm.priority for ref, vm in desired.vms.items()}
    vm_ranks = ranks(desired.vms, desired, live, policy) if policy.canary or policy.batches else {}
    waves = waves_of(actions, priorities, vm_ranks, policy.settle_deadline_s)
    return Plan(
        revision=desired.revision,
        dirty=desired.dirty,
        in_force=desired.in_force,
        cluster=live.cluster_id,
        kubevirt=live.kubevirt.ref,
        kubevirt_version=live.kubevirt.version,
        observed_at=live.observed_at,
        decisions=tuple(decisions),
        waves=waves,
        forecast=forecast(decisions, waves, context, vm_ranks),
        diagnostics=(
            *desired.diagnostics,
            *live.diagnostics,
            *_version_note(context.before, live),
            *_capacity_notes(decisions, waves, context),
            *rollout_notes(decisions, context, vm_ranks),
        ),
        skipped=desired.skipped,
        hold=context.hold,
        digest=plan_digest(action for wave in waves for action in wave.actions),
    )


def _capacity_notes(
    decisions: Sequence[Decision], waves: Sequence[Wave], context: PlanContext
) -> tuple[Diagnostic, ...]:
    """Return diagnostics about unreadable pods and quotas, and about insufficient capacity."""
    live = context.live
    if live.capacity is None:
        return ()
    at_once = concurrency_of(context.after, context.policy).shard
    return (*live.capacity.diagnostics, *capacity_warnings(decisions, waves, live, at_once))


def _version_note(config: EffectiveConfig, live: LiveState) -> tuple[Diagnostic, ...]:
    if config.capabilities.known:
        return ()
    used = ".".join(map(str, config.capabilities.version[:2]))
    newest = ".".join(map(str, NEWEST_KNOWN[:2]))
    note = Diagnostic(
        severity=Severity.WARNING,
        code="unknown-kubevirt-version",
        message=f"KubeVirt {live.kubevirt.version or 'without a version'} is unknown to this "
        f"reconciler (the newest known version is v{newest}); the plan assumes the behaviour "
        f"of v{used}",
        ref=live.kubevirt.ref,
    )
    return (note,)
