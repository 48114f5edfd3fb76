"""Decides about VMs in special states, such as being deleted, restarting, or in a pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.annotations import SUSPEND
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.finding import Finding, blocked, wait
from reconciler.plan.timing.longest_attempt import START_TIMEOUT_S

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVM, LiveVMI
    from reconciler.plan.vm.rules.vm_inputs import RunningVM, VMInputs


def being_deleted(vm: LiveVM) -> Finding | None:
    """Block all changes to a VM that is being deleted."""
    return blocked(Reason.BEING_DELETED, "the VM is being deleted") if vm.deleting else None


def suspended(inputs: VMInputs) -> Finding | None:
    """Leave a VM unchanged if an annotation in Git or in the cluster suspends changes to it."""
    if not inputs.suspended:
        return None
    where = "in Git" if inputs.desired.suspended else "in the cluster"
    return Finding.of(
        Effect.NONE,
        Reason.SUSPENDED,
        f"changes to the VM are suspended {where}: the annotation {SUSPEND} is true",
        "remove the annotation to allow the change",
    )


def without_restart(inputs: VMInputs, finding: Finding) -> Finding:
    """Do not request a restart of a suspended VM whose spec already has the new size.

    Changes in flight are still reported, because KubeVirt does not stop them.
    """
    left_alone = suspended(inputs)
    if left_alone is None or finding.effect is not Effect.RESTART:
        return finding
    message = f"{left_alone.why.message}; {finding.why.message}"
    return replace(left_alone, why=replace(left_alone.why, message=message))


def owned_by_pool(inputs: VMInputs) -> Finding | None:
    """Block a change to a VM in a pool, because the pool's next change overwrites the VM's size.

    Source: observed on KubeVirt v1.9.0 (scenario pool-vm-patched).
    """
    pool, namespace = inputs.vm.pool, inputs.vm.ref.namespace
    if not pool:
        return None
    return blocked(
        Reason.OWNED_BY_POOL,
        f"the VirtualMachinePool {pool} owns the VM, and the next change to the pool's template "
        "overwrites the VM's size",
        f"set the size in spec.virtualMachineTemplate of VirtualMachinePool {namespace}/{pool}; "
        "KubeVirt then restarts the pool's VMs",
    )


def owned_by_controller(inputs: VMInputs) -> Finding | None:
    """Block a change to a VM that another controller owns, such as the Cluster API."""
    kind, _, name = inputs.vm.controller.partition("/")
    if not kind:
        return None
    return blocked(
        Reason.OWNED_BY_CONTROLLER,
        f"the {kind} {name} controls the VM, so the reconciler does not change the VM",
        f"set the size in the template of the {kind}",
    )


def restarting(inputs: VMInputs) -> Finding | None:
    """Wait while a restart is pending, because the size after the restart is not known.

    virt-api writes a Stop and a Start into ``status.stateChangeRequests``, and virt-controller
    removes each request when it is done.

    Source: kubevirt v1.9.0 pkg/virt-api/rest/lifecycle.go (restart).
    """
    if not inputs.vm.restart_asked:
        return None
    message = f"a restart of the VM was requested; the VM then starts with {inputs.vm.guest}"
    return wait(Reason.RESTARTING, message)


def coming_up(running: RunningVM, reason: Reason, message: str, hint: str = "") -> Finding:
    """Wait while an instance starts; block the change if the start takes too long."""
    created = running.vmi.created_at
    age_s = (running.now - created).total_seconds() if created else 0.0
    if age_s < START_TIMEOUT_S:
        return wait(reason, message, hint)
    return blocked(
        Reason.NOT_STARTING,
        f"{message}, {age_s / 60:.0f} min after its instance was created",
        "check the VM's events and its launcher pod",
    )


def progress_of(vmi: LiveVMI) -> str:
    """Return a VM instance's phase, with the scheduler's message if its pod has no node."""
    phase = f"phase {vmi.phase or 'not set'}"
    scheduled = vmi.conditions.get("PodScheduled")
    if scheduled is None or scheduled.status != "False":
        return phase
    return f"{phase}, {scheduled.message or scheduled.reason or 'its pod is not scheduled'}"
