"""Defines rules for KubeVirt v1.1, where a VM's ``liveUpdateFeatures`` enables live updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import FEATURE_GATES
from reconciler.model.plan.plan import Reason
from reconciler.plan.behaviour.versions import LIVE_UPDATE_GATE
from reconciler.plan.finding import Finding, blocked, restart
from reconciler.plan.vm.setting_hint import setting_hint

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningVM, VMInputs


def live_update_not_enabled(running: RunningVM) -> Finding | None:
    """Require a restart of a VM without ``spec.liveUpdateFeatures.memory``.

    Source: kubevirt v1.1.0 vms-admitter.go:440-496; v1.2.0 removed the field.
    """
    if not running.switched_off:
        return None
    return restart(
        Reason.LIVE_UPDATE_FEATURES_UNSET,
        "the VM has no spec.liveUpdateFeatures.memory, and without it KubeVirt v1.1 does not "
        "change memory live",
        "set spec.liveUpdateFeatures.memory and restart the VM, or update KubeVirt to v1.2 or "
        "newer",
    )


def switch_denied(inputs: VMInputs) -> Finding | None:
    """Block writes to a VM with ``liveUpdateFeatures`` while the feature gate is missing.

    Source: kubevirt v1.1.0 vms-admitter.go:440-446.
    """
    after = inputs.after
    if not after.capabilities.live_update_per_vm or not inputs.vm.live_update_memory:
        return None
    if after.obstacle is not Reason.GATE_MISSING:
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        "the VM has spec.liveUpdateFeatures, and without the feature gate VMLiveUpdateFeatures, "
        "KubeVirt's webhook denies every write to the VM",
        setting_hint(inputs.kubevirt_settings, FEATURE_GATES, LIVE_UPDATE_GATE),
    )


def pending_until_restart(running: RunningVM) -> Finding | None:
    """On KubeVirt v1.1, report that a written size waits for a restart of the VM.

    KubeVirt v1.1 has no condition RestartRequired.

    Source: kubevirt v1.1.0 pkg/virt-controller/watch/vm.go.
    """
    has = running.vmi.guest_current or running.vmi.guest
    if not running.switched_off or has is None or has == running.target:
        return None
    return restart(
        Reason.RESTART_PENDING,
        f"the VM's spec sets {running.target} and the guest has {has}; KubeVirt v1.1 does not "
        "change the guest's memory until the VM restarts",
        "restart the VM",
    )


def judged_at_admission(running: RunningVM) -> bool:
    """Return whether KubeVirt v1.1's webhook compares the new size with the running instance.

    In a VM with ``spec.liveUpdateFeatures.memory``, the webhook denies sizes below boot memory.
    While a memory change or a migration is in progress, the webhook denies every size.

    Source: kubevirt v1.1.0 vms-admitter.go:865-939; v1.2.0 removed the field.
    """
    return running.after.capabilities.live_update_per_vm and running.vm.live_update_memory
