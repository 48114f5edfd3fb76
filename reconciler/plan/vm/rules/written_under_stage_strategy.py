"""Decides what LiveUpdate does with memory sizes that were written under the strategy Stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.conditions import is_true
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.behaviour import hotpluggable_sizes, pending_edits
from reconciler.plan.finding import wait
from reconciler.plan.vm.rules import existing_restart_required, preconditions

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVM, LiveVMI
    from reconciler.plan.behaviour.effective_config import EffectiveConfig
    from reconciler.plan.finding import Finding
    from reconciler.plan.vm.rules.vm_inputs import RunningVM


def comes_live(vm: LiveVM, vmi: LiveVMI, after: EffectiveConfig) -> bool:
    """Return whether KubeVirt will apply the VM's new size live after the plan changes the CR.

    A pending edit that the instance does not show would still prevent the live change.

    Up to v1.6.3 and in v1.7.0, RestartRequired remains until a restart. Other versions evaluate
    the condition again and then check the size.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3061,3444-3566.
    """
    size, has, limit = vm.guest, vmi.guest, vmi.max_guest
    if not after.live_update or vm.deleting or vmi.deleting:
        return False
    if size is None or has is None or limit is None or size == has:
        return False
    capabilities = after.capabilities
    sticks = is_true(vm.conditions, "RestartRequired") and not capabilities.restart_self_clears
    if sticks or pending_edits.waiting(vm, vmi) or vmi.plug_refused:
        return False
    boot = vmi.guest_at_boot
    return (
        is_true(vmi.conditions, "LiveMigratable")
        and (boot is None or size.n_bytes >= boot.n_bytes)
        and hotpluggable_sizes.unpluggable(vmi.constraints, capabilities, size, limit) is None
    )


def live_at_next_sync(running: RunningVM) -> Finding | None:
    """Wait for KubeVirt to sync a VM whose size was written under Stage.

    virt-controller does not sync a VM after a change to the CR, but syncs all VMs every 12 h.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3577-3599,
    pkg/controller/virtinformers.go:376.
    """
    vm, vmi = running.vm, running.vmi
    staged = not running.before.live_update or existing_restart_required.may_be_memory_alone(
        running
    )
    if vm.guest != running.target or not staged or not comes_live(vm, vmi, running.after):
        return None
    return preconditions.update_methods(running) or wait(
        Reason.LIVE_AT_NEXT_SYNC,
        f"the VM's spec sets {running.target} and the guest has {vmi.guest_current or vmi.guest}; "
        "KubeVirt changes the memory live when it next syncs the VM, within 12 h; a change to the "
        "KubeVirt CR alone does not cause a sync",
        "set a label or an annotation on the VM to make KubeVirt sync the VM now",
    )


def warnings(running: RunningVM | None, finding: Finding) -> tuple[str, ...]:
    """Return a warning if an edit to a field other than memory might prevent a live change."""
    if running is None or finding.effect is not Effect.LIVE:
        return ()
    if not existing_restart_required.may_be_memory_alone(running):
        return ()
    return (
        (
            "RestartRequired was set before LiveUpdate was in effect: if an edit to another "
            "field is also pending, the VM still needs a restart"
        ),
    )
