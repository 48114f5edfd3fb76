"""What only KubeVirt v1.1 does: each VM asks for live updates, and its webhook judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.finding import Finding, blocked, restart

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.situation import RunningVM, Situation


def live_update_not_asked_for(running: RunningVM) -> Finding | None:
    """Without ``spec.liveUpdateFeatures.memory`` a change waits for a restart, without a word.

    Source: kubevirt v1.1.0 vms-admitter.go:440-496; the field is gone in v1.2.0.
    """
    if not _mute(running.situation):
        return None
    return restart(
        Reason.LIVE_UPDATE_FEATURES_UNSET,
        "the VM has no spec.liveUpdateFeatures.memory, without which KubeVirt v1.1 changes no "
        "memory live",
        "set it and restart the VM, or update KubeVirt to v1.2 or newer",
    )


def switch_denied(situation: Situation) -> Finding | None:
    """With the switch and without the gate every write of the VM is denied, running or not.

    Source: kubevirt v1.1.0 vms-admitter.go:440-446.
    """
    after = situation.after
    if not after.capabilities.vm_switch or not situation.vm.live_update_memory:
        return None
    if after.obstacle is not Reason.GATE_MISSING:
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        "the VM has spec.liveUpdateFeatures, and the webhook denies every write of it without the "
        "feature gate VMLiveUpdateFeatures",
        "list the gate in the KubeVirt manifest in Git",
    )


def waits_without_a_word(running: RunningVM) -> Finding | None:
    """v1.1 has no RestartRequired: a written value waits and nothing on the VM says so.

    Source: kubevirt v1.1.0 pkg/virt-controller/watch/vm.go knows no such condition.
    """
    has = running.vmi.guest_current or running.vmi.guest
    if not _mute(running.situation) or has is None or has == running.target:
        return None
    return restart(
        Reason.RESTART_PENDING,
        f"the VM's spec says {running.target} and the guest has {has}; KubeVirt v1.1 leaves it "
        "so until the VM restarts",
        "restart the VM",
    )


def judged_at_admission(running: RunningVM) -> bool:
    """Whether the webhook compares a size with the running instance, before anything else does.

    It denies less than at boot, and every size while a memory change or a migration is in flight.
    Source: kubevirt v1.1.0 vms-admitter.go:865-939, of VMs with the switch; gone in v1.2.0.
    """
    return running.after.capabilities.vm_switch and running.vm.live_update_memory


def below_boot_denied(running: RunningVM) -> Finding | None:
    """Less than the VM booted with is denied, be the VM able to hotplug or not.

    Source: kubevirt v1.1.0 vms-admitter.go:865-939; newer versions ask for a restart.
    """
    booted = running.vmi.guest_at_boot
    if booted is None or running.target.n_bytes >= booted.n_bytes:
        return None
    if not (running.after.capabilities.shrink_below_boot_denied and running.vm.live_update_memory):
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        f"{running.target} is below {booted}, with which the VM booted; the webhook denies it",
        f"{booted} is the least while the VM runs; stop it to give it less",
    )


def _mute(situation: Situation) -> bool:
    return situation.after.capabilities.vm_switch and not situation.vm.live_update_memory
