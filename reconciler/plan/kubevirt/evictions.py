"""``would_evict``: finds VMs that KubeVirt would evict because of a change to the KubeVirt CR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.conditions import is_true
from reconciler.model.phrases import listed
from reconciler.model.plan.plan import Reason
from reconciler.plan.behaviour.effective_config import (
    EVICT,
    LIVE_MIGRATE,
    EffectiveConfig,
    effective_config_of,
)
from reconciler.plan.behaviour.workload_updater import Fate, fate_of, waits_for
from reconciler.plan.finding import Finding, blocked
from reconciler.plan.vm.rules.written_under_stage_strategy import comes_live

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.live.live_state import LiveKubeVirt, LiveState, LiveVMI

NAMED = 3
"""The maximum number of VM names in a message about evictions."""


def would_evict(live: LiveState, after: LiveKubeVirt) -> Finding | None:
    """Block a KubeVirt CR change that would make KubeVirt evict VMs, even if restarts are allowed.

    Source: see ``evicted``; observed on KubeVirt v1.9.0 (scenario evict-only).
    """
    found = evicted(live, after)
    if not found:
        return None
    with_reasons = listed((f"{vmi.ref.namespaced_name} ({why})" for vmi, why in found), NAMED)
    config = effective_config_of(after)
    what = "KubeVirt would evict 1 running VM and stop its guest"
    if len(found) > 1:
        what = f"KubeVirt would evict {len(found)} running VMs and stop their guests"
    hint = (
        "wait until KubeVirt has no pending update for these VMs, or restart them yourself first"
    )
    if LIVE_MIGRATE not in config.methods and any(
        is_true(vmi.conditions, "LiveMigratable") for vmi, _ in found
    ):
        hint = f"also list LiveMigrate in workloadUpdateMethods; or {hint}"
    return blocked(
        Reason.WOULD_EVICT,
        f"after this change to the KubeVirt CR, {what}: {with_reasons}",
        hint,
    )


def evicted(live: LiveState, after: LiveKubeVirt) -> tuple[tuple[LiveVMI, str], ...]:
    """Return the VMs that KubeVirt would stop because of a change to its CR, with the reasons.

    A label marks a VM with an outdated launcher. If KubeVirt reports more outdated VMs than have
    the label, the result includes all VMs that might be outdated. VMs that KubeVirt stops even
    without the change are omitted.

    Source: kubevirt v1.9.0 workload-updater.go:366-428,519-527; observed (scenario evict-only).
    """
    before, then = effective_config_of(live.kubevirt), effective_config_of(after)
    running = sorted(
        (each for each in live.vmis.values() if each.phase == "Running" and not each.deleting),
        key=lambda vmi: (vmi.ref.namespace, vmi.ref.name),
    )
    found: list[tuple[LiveVMI, str]] = []
    unlabelled = live.kubevirt.outdated_workloads - sum(bool(waits_for(vmi)) for vmi in running)
    for vmi in running:
        vm = live.vms.get(vmi.ref)
        staged = vm is not None and not before.live_update and comes_live(vm, vmi, then)
        killed = fate_of(vmi, then) is Fate.KILLED
        if not killed or (fate_of(vmi, before) is Fate.KILLED and not staged):
            continue
        why = waits_for(vmi)
        if not why and staged:
            why = "a size written earlier, which takes effect with this change"
        if not why and unlabelled > 0:
            why = (
                f"possibly an outdated launcher pod: KubeVirt counts {unlabelled} more outdated "
                "VMs than it has labelled"
            )
        if why:
            found.append((vmi, why))
    return tuple(found)


def eviction_warning(
    before: EffectiveConfig, then: EffectiveConfig, running: Iterable[LiveVMI]
) -> str:
    """Warn that KubeVirt will evict VMs that later need an update, for example after an upgrade.

    Source: kubevirt v1.9.0 workload-updater.go:366-428.
    """
    found = [
        each
        for each in running
        if fate_of(each, then) is Fate.KILLED and fate_of(each, before) is not Fate.KILLED
    ]
    if EVICT not in then.methods or (EVICT in before.methods and not found):
        return ""
    what = (
        "after this change, workloadUpdateMethods lists Evict, but no longer LiveMigrate"
        if EVICT in before.methods
        else "this change adds Evict to workloadUpdateMethods"
    )
    which = "a VM that cannot be migrated" if LIVE_MIGRATE in then.methods else "a VM"
    affected = f"{len(found)} ({names(found)})" if found else "none"
    return (
        f"{what}: when {which} needs an update, for example after a KubeVirt upgrade, "
        "KubeVirt evicts the VM and its guest stops, unless the VM's evictionStrategy prevents "
        f"this; affected running VMs: {affected}"
    )


def names(vmis: Iterable[LiveVMI]) -> str:
    """Return the names of the first few VM instances, and the number of remaining ones."""
    return listed(sorted(each.ref.namespaced_name for each in vmis), NAMED)
