"""``no_max_guest``: explains why a running VM has no maxGuest, which memory hotplug needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.behaviour import hotpluggable_sizes
from reconciler.plan.finding import Finding, restart

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningVM


def no_max_guest(running: RunningVM) -> Finding | None:
    """Require a restart if the VM has no maxGuest, which KubeVirt sets only when a VM starts.

    Source: observed on KubeVirt v1.9.0 (scenario stage-then-live-update); kubevirt v1.9.0
    pkg/defaults/defaults.go:84-135, vm.go:3480.
    """
    if running.vmi.max_guest is not None:
        return None
    capabilities = running.after.capabilities
    checked = _unsuitable_at_start(running) if capabilities.pluggability_checked else None
    if checked is not None:
        return checked
    missing = (
        "when spec.liveUpdateFeatures.memory or the feature gate for live updates was not set"
        if capabilities.live_update_per_vm
        else "before LiveUpdate was in effect"
    )
    return restart(
        Reason.BOOTED_BEFORE,
        f"the VM booted {missing}, so its instance has no maxGuest and its memory cannot change "
        "live",
        "restart the VM once; after that, its memory can change live",
    )


def _unsuitable_at_start(running: RunningVM) -> Finding | None:
    """Return why KubeVirt set no maxGuest when the VM started under LiveUpdate, or None.

    This function is not used for KubeVirt v1.2.1 and v1.2.2, which set maxGuest whenever the VM
    has memory (v1.2.2 pkg/virt-controller/watch/vm.go:1886-1903).

    Source: kubevirt v1.9.0 pkg/defaults/defaults.go:115-135.
    """
    booted = running.vmi.guest_at_boot or running.vmi.guest
    capabilities = running.after.capabilities
    problem = hotpluggable_sizes.not_at_start(running.vmi.constraints, capabilities)
    if problem is None and booted is not None:
        problem = hotpluggable_sizes.misaligned(
            booted, running.vmi.constraints
        ) or hotpluggable_sizes.below_minimum(booted, capabilities)
    if problem is not None:
        why = Explanation(
            reason=problem.reason,
            message=f"the VM booted without memory hotplug: {problem.message}",
            hint="remove this obstacle, then restart the VM to enable memory hotplug",
        )
        return Finding(effect=Effect.RESTART, why=why)
    limit = running.before.max_guest
    uneven = hotpluggable_sizes.misaligned(limit, running.vmi.constraints) if limit else None
    if uneven is not None and running.vm.max_guest is None:
        return restart(
            Reason.NO_MAX_GUEST,
            f"the VM booted without memory hotplug: the cluster's maxGuest {uneven.message}",
            _max_guest_hint(running, f"correct liveUpdateConfiguration.maxGuest ({uneven.hint})"),
        )
    if limit is not None and booted is not None and limit.n_bytes < booted.n_bytes:
        return restart(
            Reason.NO_MAX_GUEST,
            f"the VM booted with {booted}, above the cluster's maxGuest {limit}, "
            "so memory hotplug is disabled for the VM",
            _max_guest_hint(running, "raise liveUpdateConfiguration.maxGuest"),
        )
    return None


def _max_guest_hint(running: RunningVM, change: str) -> str:
    """Return a hint that says what to change before the VM is restarted."""
    if running.after.max_guest != running.before.max_guest:
        return "restart the VM after the plan changes maxGuest"
    return f"{change}, then restart the VM"
