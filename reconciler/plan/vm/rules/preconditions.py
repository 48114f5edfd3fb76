"""Checks whether KubeVirt's settings, the nodes and running operations allow a hotplug."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import UPDATE_METHODS
from reconciler.model.plan.plan import Reason
from reconciler.plan.behaviour.effective_config import EVICT, LIVE_MIGRATE
from reconciler.plan.behaviour.platform import HARVESTER_UPGRADE
from reconciler.plan.behaviour.workload_updater import Fate, fate_of
from reconciler.plan.finding import Finding, blocked, wait
from reconciler.plan.vm.rules.in_place_resize import grows_in_place
from reconciler.plan.vm.setting_hint import setting_hint

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningRule, RunningVM

NEVER_ENDS = "the change would never complete, because no migration would start"


def update_methods(running: RunningVM) -> Finding | None:
    """Block a hotplug if KubeVirt would not start a migration, or would evict the VM.

    For a VM with an eviction strategy, KubeVirt can turn a denied eviction into a migration, which
    also carries out the hotplug.

    Source: observed on KubeVirt v1.9.0 (scenarios evict-only, no-update-methods and
    misspelt-update-method); kubevirt v1.9.0
    pkg/virt-controller/watch/workload-updater/workload-updater.go:380-425 and
    pod-eviction-admitter.go:127-183.
    """
    methods = running.after.methods
    match fate_of(running.vmi, running.after):
        case Fate.MIGRATED | Fate.EVACUATED:
            return None
        case Fate.KILLED:
            return evict_hazard(running, "KubeVirt would kill the VM to change its memory")
        case _ if LIVE_MIGRATE in methods:
            return blocked(
                Reason.NOT_MIGRATABLE,
                f"the VM cannot be live-migrated{_reported(running)}: {NEVER_ENDS}",
                "remove the obstacle to the VM's migration, or restart the VM",
            )
        case _:
            hint = update_methods_hint(running)
            return blocked(Reason.NO_LIVE_MIGRATE, _nothing_migrates(running), hint)


def update_methods_hint(running: RunningVM) -> str:
    """Return a hint that says how to add LiveMigrate to ``workloadUpdateMethods``."""
    hint = setting_hint(running.kubevirt_settings, UPDATE_METHODS, LIVE_MIGRATE)
    if running.harvester and not running.after.methods:
        return f"{HARVESTER_UPGRADE}; if no upgrade is running, {hint}"
    return hint


def evict_hazard(running: RunningVM, consequence: str) -> Finding:
    """Block a change that would make KubeVirt evict the VM and stop its guest."""
    if LIVE_MIGRATE in running.after.methods:
        found = "workloadUpdateMethods lists Evict, and the VM cannot be migrated"
        hint = (
            "remove the obstacle to the VM's migration, or remove Evict from workloadUpdateMethods"
        )
    else:
        found = "workloadUpdateMethods lists Evict without LiveMigrate"
        hint = setting_hint(running.kubevirt_settings, UPDATE_METHODS, LIVE_MIGRATE)
    return blocked(Reason.EVICT_HAZARD, f"{found}: {consequence}", hint)


def _nothing_migrates(running: RunningVM) -> str:
    methods = running.after.methods
    if EVICT in methods:
        strategy = running.vmi.eviction_strategy or running.after.eviction_strategy
        return (
            "workloadUpdateMethods lists Evict without LiveMigrate, and the VM's evictionStrategy "
            f"{strategy} denies its eviction: {NEVER_ENDS}"
        )
    listed = f" (only {', '.join(sorted(methods))})" if methods else ""
    return f"workloadUpdateMethods does not list LiveMigrate{listed}: {NEVER_ENDS}"


def _reported(running: RunningVM) -> str:
    condition = running.vmi.conditions.get("LiveMigratable")
    reported = (condition.message or condition.reason) if condition else ""
    return f" ({reported})" if reported else ""


_MOST_NODES = 10
"""The maximum number of nodes that a message lists with their problems."""


def another_node(running: RunningVM) -> Finding | None:
    """Block a hotplug if the cluster has no second node for the target pod.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:889-911.
    """
    nodes = running.nodes
    if not nodes or any(each.schedulable and each.name != running.vmi.node for each in nodes):
        return None
    return blocked(
        Reason.NO_OTHER_NODE,
        f"only the node {running.vmi.node} can run VMs, and a migration needs another node"
        + "".join(
            f"; {each.name} {each.problem}"
            for each in nodes[:_MOST_NODES]
            if each.problem and each.name != running.vmi.node
        ),
        "add or uncordon a node",
    )


def kubevirt_unsettled(running: RunningVM) -> Finding | None:
    """Wait until KubeVirt has applied its CR, because migrations for updates start only then.

    Source: observed (the workload updater is idle unless the phase of the KubeVirt CR is
    Deployed); kubevirt v1.9.0 workload-updater.go:450-455.
    """
    unsettled = running.before.unsettled
    if not unsettled:
        return None
    return wait(Reason.KUBEVIRT_NOT_SETTLED, f"KubeVirt has not applied its CR yet: {unsettled}")


def hotplug_in_flight(running: RunningVM) -> Finding | None:
    """Wait until a memory change in progress has ended, because KubeVirt rejects a second change.

    Source: observed (scenario slow-then-second-change); kubevirt v1.9.0 vm.go:3484-3487.
    """
    if not running.vmi.memory_changes:
        return None
    backup = running.vmi.backup
    held = f"; its migration waits for the running backup {backup}" if backup else ""
    return wait(
        Reason.HOTPLUG_IN_FLIGHT,
        f"an earlier change to {running.vmi.guest} is in progress and cannot be cancelled{held}",
        "no action is needed: the reconciler writes the new size after the earlier change has "
        "ended",
    )


def migration_in_flight(running: RunningVM) -> Finding | None:
    """Wait until the VM's current migration has ended, regardless of its cause.

    The hotplug would fail in a target pod that was created for the old size, and a second
    migration would follow.

    Source: observed; kubevirt v1.9.0 vm.go:3484-3487.
    """
    migration = running.migration
    if migration is None:
        return None
    return wait(
        Reason.MIGRATION_IN_FLIGHT,
        f"the VM is already migrating: the migration {migration.ref.name} is "
        f"{migration.phase or 'new'}",
        "no action is needed: the reconciler writes the new size after the migration has ended",
    )


def backup_running(running: RunningVM) -> Finding | None:
    """Wait for a running backup: a migration for a memory change starts only after the backup.

    Source: kubevirt v1.9.0 migration.go:1581-1645 (migrationBlockedByBackup), from v1.8.
    """
    if not running.vmi.backup or grows_in_place(running):
        return None
    return wait(
        Reason.BACKUP_RUNNING,
        f"the VM's migrations wait for its running backup {running.vmi.backup}",
        "no action is needed: the reconciler writes the new size after the backup has ended",
    )


SETTINGS_AND_NODES: tuple[RunningRule, ...] = (update_methods, another_node)
IN_FLIGHT: tuple[RunningRule, ...] = (
    kubevirt_unsettled,
    hotplug_in_flight,
    migration_in_flight,
    backup_running,
)
