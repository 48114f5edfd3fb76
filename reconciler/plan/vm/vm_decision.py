"""``decide_vm``: decides what the plan does with one VM, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.diagnostic import UNREADABLE_OBJECT
from reconciler.model.fields import GUEST_MAX_MEMORY, WaveName
from reconciler.model.plan.plan import Action, Decision, Effect, Reason, Verb
from reconciler.plan.behaviour.platform import is_harvester
from reconciler.plan.behaviour.target_pod import rendering_of
from reconciler.plan.digest import digested
from reconciler.plan.finding import Finding, blocked, first
from reconciler.plan.patches import posted
from reconciler.plan.vm import guest_warnings, unmanaged_edits
from reconciler.plan.vm.consent import consented
from reconciler.plan.vm.harvester_webhooks import HARVESTER, rewritten_at_creation
from reconciler.plan.vm.rules import (
    conflicting_change,
    guest_progress,
    in_place_resize,
    instancetype,
    vm_state,
    written_under_stage_strategy,
)
from reconciler.plan.vm.rules.admission import ADMISSION
from reconciler.plan.vm.rules.existing_restart_required import other_edit_pending
from reconciler.plan.vm.rules.live_update_features import pending_until_restart
from reconciler.plan.vm.rules.preconditions import IN_FLIGHT, SETTINGS_AND_NODES
from reconciler.plan.vm.rules.restart_required import (
    OF_HOTPLUG,
    OF_SIZE,
    OF_VM,
    not_started,
)
from reconciler.plan.vm.rules.shrink_below_boot import below_boot_denied
from reconciler.plan.vm.rules.target_pod import overcommit
from reconciler.plan.vm.rules.target_pod.overcommit import OVERCOMMIT
from reconciler.plan.vm.rules.target_pod.target_capacity import CAPACITY
from reconciler.plan.vm.rules.vm_inputs import RunningVM, SharedInputs, VMInputs
from reconciler.plan.vm.target_size import TargetSize, given, target_field, target_size_of

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredState, DesiredVM
    from reconciler.model.live.live_state import LiveState, LiveVM, LiveVMI
    from reconciler.plan.behaviour.effective_config import EffectiveConfig
    from reconciler.plan.plan_policy import PlanPolicy


def decide_vm(
    state: DesiredState,
    desired: DesiredVM,
    live: LiveState,
    *,
    before: EffectiveConfig,
    after: EffectiveConfig,
    policy: PlanPolicy,
    shared: SharedInputs,
) -> Decision:
    """Return the decision about one VM, with the writes that the user permits.

    From *live*, rules read only this VM and the inputs that all VMs share. Rules read all other
    inputs through *shared*, which records what they read. *before* is KubeVirt's current
    configuration; *after* applies once the plan has changed the CR.
    """
    vm = live.vms.get(desired.ref)
    unreadable = _unreadable(desired, live)
    if unreadable is not None:
        return _decision(state, desired, vm, unreadable)
    if vm is None:
        return _absent(state, desired, live, policy, shared)
    size = target_size_of(state, desired, vm, live)
    if isinstance(size, Finding):
        unmanaged = size.reason is Reason.MEMORY_NOT_MANAGED
        return _decision(
            state,
            desired,
            vm,
            vm_state.being_deleted(vm) or size,
            warnings=("the size in Git has no effect on this VM",) if unmanaged else (),
        )
    vmi = live.vmis.get(desired.ref)
    kind: type[VMInputs] = VMInputs if vmi is None or vmi.final else RunningVM
    inputs = kind(
        desired=desired,
        target=size.target,
        as_desired=size.as_desired,
        types=size.types,
        vm=vm,
        vmi=vmi,
        migrations=live.migrations.get(desired.ref, ()),
        nodes=live.nodes,
        rendering=rendering_of(live.kubevirt),
        before=before,
        after=after,
        policy=policy,
        harvester=is_harvester(live),
        cluster=live.cluster_id,
        kubevirt_settings=state.kubevirt.settings if state.kubevirt else {},
        shared=shared,
    )
    running = inputs if isinstance(inputs, RunningVM) else None
    finding = find(inputs)
    finding, actions = consented(inputs, finding, size)
    warnings = (
        *_max_guest_differs(desired, vm, running=running is not None),
        *instancetype.warnings(inputs, finding),
        *overcommit.warnings(inputs, finding),
        *written_under_stage_strategy.warnings(running, finding),
        *guest_progress.warnings(running, finding),
        *guest_warnings.warnings(inputs, finding),
        *(unmanaged_edits.warnings(desired, vm) if size.changes and running else ()),
    )
    return _decision(
        state,
        desired,
        vm,
        finding,
        size=size,
        vmi=running.vmi if running else None,
        warnings=warnings,
        actions=actions,
    )


def find(inputs: VMInputs) -> Finding:
    """Return the result of the first planning rule that applies to a VM in the cluster."""
    vm = inputs.vm
    if (deleted := vm_state.being_deleted(vm)) is not None:
        return deleted
    if inputs.as_desired:
        finding = vm_state.restarting(inputs)
        if finding is None and isinstance(inputs, RunningVM):
            rules = (pending_until_restart, written_under_stage_strategy.live_at_next_sync)
            finding = first(rules, inputs) or guest_progress.guest_progress(inputs)
        stopped = f"the VM is not running; it starts with {inputs.target}"
        finding = finding or Finding.of(Effect.NONE, Reason.STOPPED_AS_DESIRED, stopped)
        return vm_state.without_restart(inputs, finding)
    owned = (vm_state.owned_by_pool, vm_state.owned_by_controller)
    stored = (vm_state.suspended, *owned, vm_state.restarting, *HARVESTER, *ADMISSION)
    if (finding := first(stored, inputs)) is not None:
        return finding
    if not isinstance(inputs, RunningVM):
        return Finding.of(
            Effect.COLD,
            Reason.NOT_RUNNING,
            f"the VM is not running; it starts with {inputs.target}",
        )
    denied = below_boot_denied(inputs)
    return denied or conflicting_change.denied_while_in_flight(inputs, _change_of(inputs))


def _change_of(running: RunningVM) -> Finding:
    """Return the first applicable planning rule's result, in virt-controller's order of checks.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3303-3566.
    """
    has_it = running.vmi.guest == running.target
    hotplug = () if has_it else OF_HOTPLUG
    rules = (
        not_started,
        *OF_VM,
        *hotplug,
        other_edit_pending,
        conflicting_change.back_to_running,
        conflicting_change.stuck,
    )
    if (finding := first(rules, running)) is not None:
        return finding
    if (finding := first(OF_SIZE, running)) is not None:
        return conflicting_change.judged_later(running, finding)
    if in_place_resize.grows_in_place(running):
        rules = (*OVERCOMMIT, *IN_FLIGHT, *in_place_resize.CAPACITY)
        return first(rules, running) or in_place_resize.found(running)
    finding = first((*OVERCOMMIT, *SETTINGS_AND_NODES, *IN_FLIGHT, *CAPACITY), running)
    if finding is not None:
        return finding
    grows = running.vmi.guest is None or running.target.n_bytes > running.vmi.guest.n_bytes
    return Finding.of(
        Effect.LIVE,
        Reason.HOTPLUG if grows else Reason.HOTUNPLUG,
        f"hotplugs from {running.vmi.guest} to {running.target} through a live migration"
        if grows
        else f"shrinks from {running.vmi.guest} to {running.target} through a live migration; the "
        "guest might keep part of the memory",
    )


def _unreadable(desired: DesiredVM, live: LiveState) -> Finding | None:
    """Block changes to a VM that exists in the cluster but cannot be read."""
    for each in live.diagnostics:
        if each.ref == desired.ref and each.code == UNREADABLE_OBJECT:
            return blocked(Reason.UNREADABLE, each.message, "correct the object in the cluster")
    return None


def _absent(
    state: DesiredState,
    desired: DesiredVM,
    live: LiveState,
    policy: PlanPolicy,
    shared: SharedInputs,
) -> Decision:
    if policy.create and desired.manifest is not None and not desired.suspended:
        if is_harvester(live) and (denied := rewritten_at_creation(desired)) is not None:
            return _decision(state, desired, None, denied)
        finding = Finding.of(Effect.CREATE, Reason.NEW, "the VM does not exist in the cluster")
        action = Action(
            ref=desired.ref,
            uid=None,
            wave=WaveName.MEMORY,
            effect=finding.effect,
            reason=finding.reason,
            verb=Verb.CREATE,
            manifest=posted(desired.manifest),
        )
        actions = (digested(action, live.cluster_id),)
        return _decision(state, desired, None, finding, actions=actions)
    hint = "correct the namespace and name in Git, or create the VM"
    if desired.manifest is not None and not policy.create:
        hint += "; to let the reconciler create it, set `create: true` in .reconciler.yaml"
    if elsewhere := shared.namespaces_with(desired.ref.name):
        hint = f"namespace {elsewhere[0]} has a VM with this name; {hint}"
    message = "the VM does not exist in the cluster"
    if (size := desired.guest or desired.instancetype) is not None:
        message += f"; Git sets {size} for it"
    return _decision(state, desired, None, blocked(Reason.NOT_FOUND, message, hint))


def _decision(
    state: DesiredState,
    desired: DesiredVM,
    vm: LiveVM | None,
    finding: Finding,
    *,
    size: TargetSize | None = None,
    vmi: LiveVMI | None = None,
    warnings: tuple[str, ...] = (),
    actions: tuple[Action, ...] = (),
) -> Decision:
    return Decision(
        ref=desired.ref,
        uid=vm.uid if vm else None,
        effect=finding.effect,
        why=finding.why,
        at=state.at(desired.ref, target_field(desired)),
        target=size.target if size else None,
        guest=vmi.guest_current if vmi else None,
        boot=vmi.guest_at_boot if vmi else None,
        maximum=vmi.max_guest if vmi else None,
        changes=size.changes if size else given(state, desired, vm),
        warnings=warnings,
        owner=vm.guest_manager if vm else "",
        actions=actions,
    )


def _max_guest_differs(desired: DesiredVM, vm: LiveVM, *, running: bool) -> tuple[str, ...]:
    """Warn if Git and the VM have different values of maxGuest, which this program never changes.

    Source: observed (scenario write-maxguest-on-running); kubevirt issue 17610.
    """
    if desired.max_guest is None or desired.max_guest == vm.max_guest:
        return ()
    has = vm.max_guest if vm.max_guest is not None else "none"
    why = (
        "because a change to this field requires a restart"
        if running
        else "and the VM will start with the value in the cluster"
    )
    return (
        (
            f"{GUEST_MAX_MEMORY[-1]} is {desired.max_guest} in Git and {has} in the cluster; "
            f"the reconciler does not write it, {why}"
        ),
    )
