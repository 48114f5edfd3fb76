"""``impact_of``: describes how a KubeVirt CR change affects all VMs in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import MAX_GUEST
from reconciler.model.live.live_state import Constraints
from reconciler.model.quantity import MemoryQuantity
from reconciler.plan.behaviour import hotpluggable_sizes
from reconciler.plan.behaviour.effective_config import (
    LIVE_MIGRATE,
    EffectiveConfig,
    effective_config_of,
)
from reconciler.plan.kubevirt.evictions import eviction_warning, names
from reconciler.plan.vm.rules.written_under_stage_strategy import comes_live

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.live.live_state import LiveKubeVirt, LiveState, LiveVMI
    from reconciler.model.plan.plan import Change


def impact_of(
    changes: tuple[Change, ...], live: LiveState, after: LiveKubeVirt
) -> tuple[str, ...]:
    """Return one sentence for each consequence of a change to the KubeVirt CR."""
    before, then = effective_config_of(live.kubevirt), effective_config_of(after)
    running = [each for each in live.vmis.values() if not each.final]
    found = (
        _migrations_start(before, then, live, running),
        eviction_warning(before, then, running),
        _live_update_takes_effect(before, then, running),
        _staged_come_live(before, then, live, running),
        _live_update_ends(before, then, running),
        *(_max_guest(each, live, running) for each in changes if each.field == MAX_GUEST),
    )
    return tuple(each for each in found if each)


def _staged_come_live(
    before: EffectiveConfig, then: EffectiveConfig, live: LiveState, running: Iterable[LiveVMI]
) -> str:
    """Warn that memory sizes that were written under the strategy Stage will take effect live.

    virt-controller does not sync a VM after a change to the CR, but syncs all VMs every 12 h.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3577-3599,
    pkg/controller/virtinformers.go:376.
    """
    found = [
        vmi
        for vmi in running
        if (vm := live.vms.get(vmi.ref)) is not None and comes_live(vm, vmi, then)
    ]
    if not found or before.live_update:
        return ""
    subject, whose = "1 VM whose size was written earlier changes", "the VM"
    if len(found) > 1:
        subject = f"{len(found)} VMs whose sizes were written earlier change"
        whose = "the VMs"
    return (
        f"LiveUpdate takes effect: {subject} live when KubeVirt next syncs {whose}, within 12 h "
        f"({names(found)})"
    )


def _migrations_start(
    before: EffectiveConfig, then: EffectiveConfig, live: LiveState, running: Iterable[LiveVMI]
) -> str:
    """Warn that adding LiveMigrate starts the migrations of all VMs that wait for one.

    The number of outdated VMs in the KubeVirt CR includes VMs that wait for a hotplug.

    Source: kubevirt v1.9.0 workload-updater.go:366-428,469-493.
    """
    if LIVE_MIGRATE in before.methods or LIVE_MIGRATE not in then.methods:
        return ""
    stuck = sum(1 for each in running if each.memory_changes)
    waiting = max(stuck, live.kubevirt.outdated_workloads)
    later = "each later KubeVirt upgrade migrates all VMs"
    if not waiting:
        return f"this change adds LiveMigrate to workloadUpdateMethods: {later}"
    subject = "1 VM starts" if waiting == 1 else f"{waiting} VMs start"
    return (
        f"this change adds LiveMigrate to workloadUpdateMethods: {subject} to migrate immediately "
        f"({stuck} because of a waiting memory change, {waiting - stuck} because of an outdated "
        f"launcher pod); {later}"
    )


def _live_update_takes_effect(
    before: EffectiveConfig, then: EffectiveConfig, running: Iterable[LiveVMI]
) -> str:
    """Warn that VMs that booted before LiveUpdate have no maxGuest and need one restart.

    Source: observed on KubeVirt v1.9.0 (scenario stage-then-live-update).
    """
    if before.live_update or not then.live_update:
        return ""
    without = [each for each in running if each.max_guest is None]
    if not without:
        return ""
    subject = "1 running VM" if len(without) == 1 else f"{len(without)} running VMs"
    return (
        f"LiveUpdate takes effect: {subject} booted earlier and must restart once before KubeVirt "
        f"can change the memory live ({names(without)})"
    )


def _live_update_ends(
    before: EffectiveConfig, then: EffectiveConfig, running: list[LiveVMI]
) -> str:
    """Warn that every change waits for a restart if LiveUpdate is no longer in effect.

    Source: observed on KubeVirt v1.9.0 (first patch of the scenario stage-then-live-update).
    """
    if not before.live_update or then.live_update or not running:
        return ""
    n = len(running)
    whose = "the running VM" if n == 1 else f"the {n} running VMs"
    return f"LiveUpdate is switched off: each later change to {whose} waits for a restart"


def _max_guest(change: Change, live: LiveState, running: Iterable[LiveVMI]) -> str:
    """Warn about VMs that gain or lose the ability to hotplug memory at their next start.

    A maxGuest that is below a VM's size, or not a multiple of the block size, disables hotplug for
    the VM. A VM's own maxGuest has precedence. A running VM keeps its maxGuest until a restart.

    Source: kubevirt v1.9.0 pkg/defaults/defaults.go:115-135 and
    pkg/liveupdate/memory/memory.go:53-107.
    """
    before, after = _quantity(change.before), _quantity(change.after)
    if after is None:
        return ""
    own = {ref for ref, vm in live.vms.items() if vm.max_guest is not None}
    under = [each for each in running if each.ref not in own]
    lose = [vmi for vmi in under if _allows(before, vmi) and not _allows(after, vmi)]
    gain = [vmi for vmi in under if not _allows(before, vmi) and _allows(after, vmi)]
    found = (("off", lose), ("on", gain))
    parts = [f"{state} for {names(group)}" for state, group in found if group]
    if not parts:
        return ""
    what = f"maxGuest {change.after} applies to a VM from its next start; memory hotplug is then "
    uneven = hotpluggable_sizes.misaligned(after, Constraints()) if lose else None
    return what + " and ".join(parts) + (f" ({uneven.message}; {uneven.hint})" if uneven else "")


def _quantity(value: object) -> MemoryQuantity | None:
    return value if isinstance(value, MemoryQuantity) else None


def _allows(limit: MemoryQuantity | None, vmi: LiveVMI) -> bool:
    """Return whether a VM instance can hotplug memory with a given maxGuest in the KubeVirt CR."""
    if limit is None or vmi.guest is None:
        return True
    return (
        vmi.guest.n_bytes <= limit.n_bytes
        and hotpluggable_sizes.misaligned(limit, vmi.constraints) is None
    )
