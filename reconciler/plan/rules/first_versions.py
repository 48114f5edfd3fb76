"""What only KubeVirt v1.1 does: each VM has to ask for live updates of its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan import Reason
from reconciler.plan.rules.situation import Finding, Running, restart

if TYPE_CHECKING:
    from reconciler.plan.rules.situation import Situation


def live_update_not_asked_for(running: Running) -> Finding | None:
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


def waits_without_a_word(running: Running) -> Finding | None:
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


def _mute(situation: Situation) -> bool:
    return situation.after.capabilities.vm_switch and not situation.vm.live_update_memory
