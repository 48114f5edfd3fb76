"""Finds changes to running VMs that the API accepts but that take effect only at a restart.

The rules are in the order in which virt-controller checks a change.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3303-3566.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import FEATURE_GATES, ROLLOUT_STRATEGY
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.behaviour import hotpluggable_sizes
from reconciler.plan.behaviour.versions import LIVE_UPDATE_GATE
from reconciler.plan.finding import Finding, restart
from reconciler.plan.vm.rules import instancetype, live_update_features
from reconciler.plan.vm.rules.existing_restart_required import restart_required_stays
from reconciler.plan.vm.rules.in_place_resize import grows_in_place
from reconciler.plan.vm.rules.missing_max_guest import no_max_guest
from reconciler.plan.vm.rules.shrink_below_boot import below_boot
from reconciler.plan.vm.rules.vm_state import coming_up, progress_of
from reconciler.plan.vm.setting_hint import setting_hint

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningRule, RunningVM

BEFORE_THE_GUEST = ("", "Pending", "Scheduling", "Scheduled")
"""The phases of a VM instance whose guest is not running yet."""


def live_update_not_in_force(running: RunningVM) -> Finding | None:
    """Require a restart while LiveUpdate is not in effect.

    A change back to the size of the last start needs no restart.

    Source: observed on KubeVirt v1.3.1 (scenario gate-missing) and v1.9.0 (scenario
    stage-then-live-update); kubevirt v1.9.0 vm.go:2989-3061 for a change back.
    """
    if running.target == running.vmi.guest == running.vmi.guest_at_boot:
        return None
    match running.after.obstacle:
        case Reason.GATE_MISSING:
            return restart(
                Reason.GATE_MISSING,
                "the feature gate VMLiveUpdateFeatures is not enabled, so KubeVirt changes "
                "nothing live",
                setting_hint(running.kubevirt_settings, FEATURE_GATES, LIVE_UPDATE_GATE),
            )
        case Reason.STRATEGY_STAGE:
            return restart(
                Reason.STRATEGY_STAGE,
                "vmRolloutStrategy is Stage, so every change to a VM waits for its restart",
                setting_hint(running.kubevirt_settings, ROLLOUT_STRATEGY, "LiveUpdate"),
            )
        case _:
            return None


def memory_added(running: RunningVM) -> Finding | None:
    """Up to KubeVirt v1.2, require a restart if Git adds memory to a template without memory.

    Source: kubevirt v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349; v1.9.0 vm.go:3023-3028 and
    tests/hotplug/memory.go:235 (v1.9.0 makes this change live).
    """
    vm, capabilities = running.vm, running.after.capabilities
    if vm.memory_present or capabilities.template_without_memory_live or running.types:
        return None
    return restart(
        Reason.GUEST_MEMORY_UNSET,
        "the VM's template has no memory, and this KubeVirt version adds memory only at a restart",
        "restart the VM once; after that, its memory can change live",
    )


def not_started(running: RunningVM) -> Finding | None:
    """Require a restart to reduce the memory of a VM whose guest has not started yet.

    The smaller size can help a VM that fits on no node, and the restart disrupts no guest.
    Source: observed on KubeVirt v1.9.0 (scenarios too-big-then-smaller and
    too-big-then-smaller-then-restart); v1.9.0 vm.go:3475.
    """
    vmi, has = running.vmi, running.vmi.guest
    if vmi.phase not in BEFORE_THE_GUEST or has is None or running.target.n_bytes >= has.n_bytes:
        return None
    return restart(
        Reason.RESTART_PENDING if running.as_desired else Reason.NOT_STARTED,
        f"the VM's instance has {has}, and its guest does not run yet ({progress_of(vmi)}); "
        f"KubeVirt applies {running.target} at the next start",
        "restart the VM; the restart does not disrupt a running guest",
    )


def plug_failed_before(running: RunningVM) -> Finding | None:
    """Require a restart after a rejected hotplug, even to return to the old size.

    Source: observed (scenario plug-refused-then-revert); kubevirt v1.9.0 vm.go:3466.
    """
    if not running.vmi.plug_refused:
        return None
    return restart(
        Reason.PLUG_FAILED_BEFORE,
        "libvirt or QEMU rejected an earlier hotplug, so KubeVirt changes nothing live until a "
        "restart",
        "restart the VM",
    )


def guest_not_set(running: RunningVM) -> Finding | None:
    """Wait, as virt-controller does, until the VM instance reports its guest memory.

    Source: kubevirt v1.9.0 vm.go:3444-3460.
    """
    if running.vmi.guest is not None and running.vmi.guest_current is not None:
        return None
    return coming_up(
        running, Reason.STARTING, "the VM's running instance has not reported its memory yet"
    )


def not_migratable(running: RunningVM) -> Finding | None:
    """Require a restart of a VM that cannot migrate, or wait until KubeVirt reports migratability.

    An in-place resize needs no migration. KubeVirt sets the condition LiveMigratable a
    moment after the start.

    Source: observed (scenario not-migratable); kubevirt v1.9.0 vm.go:3475.
    """
    if grows_in_place(running):
        return None
    condition = running.vmi.conditions.get("LiveMigratable")
    if condition is None:
        return coming_up(
            running,
            Reason.MIGRATABILITY_UNKNOWN,
            "KubeVirt has not reported yet whether the VM can migrate",
            "no action is needed: the reconciler writes the new size after KubeVirt has reported "
            "this; a write now would require a restart",
        )
    if condition.status == "True" or not running.after.capabilities.pluggability_checked:
        return None
    reported = condition.message or condition.reason
    why = f": {reported}" if reported else ""
    return restart(
        Reason.NOT_MIGRATABLE,
        f"the VM cannot be live-migrated{why}",
        "remove the obstacle to the migration that the hotplug needs, or restart the VM",
    )


def size_cannot_be_plugged(running: RunningVM) -> Finding | None:
    """Require a restart for a size that KubeVirt cannot hotplug into the running VM.

    KubeVirt v1.2.1 and v1.2.2 compare the size only with maxGuest and with boot memory.
    Source: observed (scenarios above-max-guest and misaligned); kubevirt v1.9.0 vm.go:3494;
    v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349.
    """
    limit, capabilities = running.vmi.max_guest, running.after.capabilities
    if limit is None:
        return None
    problem = (
        hotpluggable_sizes.unpluggable(
            running.vmi.constraints, capabilities, running.target, limit
        )
        if capabilities.pluggability_checked
        else hotpluggable_sizes.above(running.target, limit)
    )
    return None if problem is None else Finding(effect=Effect.RESTART, why=problem)


OF_VM: tuple[RunningRule, ...] = (
    live_update_not_in_force,
    live_update_features.live_update_not_enabled,
    plug_failed_before,
    restart_required_stays,
    instancetype.size_not_live,
    memory_added,
    instancetype.differs_otherwise,
    guest_not_set,
)
"""The rules that apply to every memory size, including the VM's current size."""
OF_HOTPLUG: tuple[RunningRule, ...] = (not_migratable, no_max_guest)
"""The rules for new memory sizes that apply even while a change is in progress."""
OF_SIZE: tuple[RunningRule, ...] = (size_cannot_be_plugged, below_boot)
"""The rules about the new memory size, which KubeVirt checks last."""
