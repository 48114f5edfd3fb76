"""Tests what memory hotplug requires of KubeVirt, the nodes and the VM."""

from __future__ import annotations

import pytest
from support.builders import (
    condition,
    effect_of,
    make_desired,
    make_kubevirt,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    want,
    with_settings,
)

from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import LiveNode

GIT = make_desired(want("2Gi"))
FIXED = {"conditions": {"LiveMigratable": condition("False", "DisksNotLiveMigratable", "a disk")}}
CHANGING = {
    "conditions": {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}
}


def effect(*methods, kubevirt=None, nodes=None, migrations=(), **vmi):
    """Return how a VM's change from 1Gi to 2Gi is planned with given ``workloadUpdateMethods``."""
    cr = kubevirt or with_settings(make_kubevirt(), workloadUpdateMethods=NameSet.of(methods))
    more = {} if nodes is None else {"nodes": nodes}
    return effect_of(
        GIT,
        make_live(make_vm(), vmis=(make_vmi(**vmi),), kubevirt=cr, migrations=migrations, **more),
    )


# Source: recorded v1.9.0 evict-only, no-update-methods; workload-updater.go:380-425.
@pytest.mark.parametrize(
    ("methods", "vmi", "expected"),
    [
        (("LiveMigrate",), {}, ("live", "hotplug")),
        (("LiveMigrate", "Evict"), {}, ("live", "hotplug")),
        ((), {}, ("blocked", "no-live-migrate")),
        (("Evict",), {}, ("blocked", "evict-hazard")),
        # No update method changes the memory of a VM that cannot migrate.
        (("LiveMigrate",), FIXED, ("restart", "not-migratable")),
        (("LiveMigrate", "Evict"), FIXED, ("restart", "not-migratable")),
        # An eviction strategy turns the denied eviction into a migration.
        (("Evict",), {"eviction_strategy": "LiveMigrate"}, ("live", "hotplug")),
        (("Evict",), {"eviction_strategy": "External"}, ("blocked", "no-live-migrate")),
    ],
)
def test_memory_hotplug_needs_a_workload_update_method_that_migrates_the_vm(
    methods, vmi, expected
):
    assert effect(*methods, **vmi) == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((), ("blocked", "no-other-node")),
        ((LiveNode(name="node02", schedulable=False),), ("blocked", "no-other-node")),
        ((LiveNode(name="node02", schedulable=True),), ("live", "hotplug")),
    ],
)
def test_memory_hotplug_needs_a_second_schedulable_node(others, expected):
    nodes = (LiveNode(name="node01", schedulable=True), *others)
    assert effect("LiveMigrate", nodes=nodes) == expected


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        ({"kubevirt": make_kubevirt(phase="Deploying")}, "kubevirt-not-settled"),
        ({"migrations": (make_migration(name="m", phase="Running"),)}, "migration-in-flight"),
        ({"backup": "nightly"}, "backup-running"),
    ],
)
def test_memory_hotplug_waits_until_kubevirt_is_deployed_and_no_migration_or_backup_is_running(
    world, reason
):
    assert effect("LiveMigrate", **world) == ("wait", reason)
