"""Prevents a live change below the memory with which the VM booted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.finding import Finding, blocked, restart

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningVM


def below_boot(running: RunningVM) -> Finding | None:
    """Require a restart to reduce a guest's memory below its boot memory.

    On KubeVirt v1.1, the webhook denies the change instead (see ``below_boot_denied``).

    Source: observed (scenario shrink-below-boot); kubevirt v1.9.0 vm.go:3500.
    """
    booted = running.vmi.guest_at_boot
    if booted is None or running.target.n_bytes >= booted.n_bytes:
        return None
    return restart(
        Reason.BELOW_BOOT,
        f"{running.target} is below the {booted} that the VM booted with",
        f"restart the VM, or set at least {booted}, the smallest size without a restart",
    )


def below_boot_denied(running: RunningVM) -> Finding | None:
    """On KubeVirt v1.1, block a size below the boot memory of a VM that enables live updates.

    Source: kubevirt v1.1.0 vms-admitter.go:865-939; newer versions require a restart.
    """
    booted = running.vmi.guest_at_boot
    if booted is None or running.target.n_bytes >= booted.n_bytes:
        return None
    if not (running.after.capabilities.shrink_below_boot_denied and running.vm.live_update_memory):
        return None
    return blocked(
        Reason.DENIED_BY_ADMISSION,
        f"{running.target} is below the {booted} that the VM booted with; KubeVirt's webhook "
        "denies the change",
        f"set at least {booted}, or stop the VM before you set a smaller size",
    )
