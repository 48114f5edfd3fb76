"""Tests that a migration waits for the running backup of its VM in KubeVirt v1.8 and v1.9.

Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:1581-1645
(migrationBlockedByBackup); CRD virtualmachineinstances v1.9,
status.changedBlockTracking.backupStatus.
"""

from __future__ import annotations

import json

import pytest
from support.kubevirt_world import JSON, LIVE, ask, migrations, patch, simulate, vmi

from reconciler.simulator.worlds.field_reader import WorldError

BLOCKED = "migrationBlockedByBackup"
NIGHTLY = {"name": "nightly", "ends": "5m"}


def simulated(*vms, version="v1.9.0", migrations=None, gates=()):
    configuration = {
        "vmRolloutStrategy": "LiveUpdate",
        "developerConfiguration": {"featureGates": list(gates)},
        "migrations": migrations or {},
    }
    return simulate(*vms, version=version, spec={**LIVE, "configuration": configuration})


def backup(sim, name="vm"):
    return vmi(sim, name)["status"]["changedBlockTracking"]["backupStatus"]


def blocked(migration):
    found = migration["status"].get("conditions") or ()
    return next((c for c in found if c["type"] == BLOCKED), None)


def launchers(sim):
    return [pod for pod in sim.store.list("pods") if pod["status"]["phase"] == "Running"]


@pytest.mark.parametrize(
    ("version", "gates"),
    [("v1.8.0", ()), ("v1.8.0", ("MigrationPriorityQueue",)), ("v1.9.0", ())],
)
def test_migration_for_a_memory_hotplug_waits_for_the_end_of_the_backup(version, gates):
    sim = simulated({"name": "vm", "backup": NIGHTLY}, version=version, gates=gates)
    ask(sim, "2Gi")
    sim.engine.run_until(299)
    [migration] = migrations(sim)
    assert migration["status"]["phase"] == "Pending"
    assert blocked(migration)["status"] == "True"
    assert blocked(migration)["message"] == "Waiting for backup nightly to complete"
    assert len(launchers(sim)) == 1
    assert "completed" not in backup(sim)

    sim.engine.run_until(320)
    [migration] = migrations(sim)
    assert migration["status"]["phase"] == "Succeeded"
    assert blocked(migration) is None
    assert vmi(sim)["status"]["memory"]["guestCurrent"] == "2Gi"
    assert backup(sim)["completed"] is True
    assert backup(sim)["endTimestamp"] > backup(sim)["startTimestamp"]
    assert "failed" not in backup(sim)


def test_manual_migration_waits_for_the_end_of_the_backup():
    sim = simulated({"name": "vm", "backup": NIGHTLY})
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "by-hand"},
        "spec": {"vmiName": "vm"},
    }
    assert sim.request("POST", path, headers=JSON, body=json.dumps(body).encode()).status == 201
    sim.engine.run_until(60)
    [migration] = migrations(sim)
    assert (migration["status"]["phase"], bool(blocked(migration))) == ("Pending", True)
    sim.engine.run_until(320)
    assert migrations(sim)[0]["status"]["phase"] == "Succeeded"


def test_simulated_vm_backup_without_an_end_time_never_ends():
    sim = simulated({"name": "vm", "backup": {"name": "endless"}})
    ask(sim, "2Gi")
    sim.engine.run_until(7200)
    assert [m["status"]["phase"] for m in migrations(sim)] == ["Pending"]


def test_system_critical_migration_aborts_the_backup():
    """The migration that the workload updater creates for an outdated VMI is system-critical."""
    sim = simulated({"name": "vm", "launcher": "v1.8.0", "backup": {"name": "nightly"}})
    sim.engine.run_until(60)
    [migration] = migrations(sim)
    assert migration["spec"]["priority"] == "system-critical"
    assert migration["status"]["phase"] == "Succeeded"
    assert (backup(sim)["completed"], backup(sim)["failed"]) == (True, True)


def test_kubevirt_version_without_migration_priorities_does_not_abort_a_backup():
    """KubeVirt v1.8 sets priorities only if the CR lists MigrationPriorityQueue (WU:582-588)."""
    sim = simulated({"name": "vm", "launcher": "v1.7.0", "backup": NIGHTLY}, version="v1.8.0")
    sim.engine.run_until(60)
    [migration] = migrations(sim)
    assert (migration["status"]["phase"], bool(blocked(migration))) == ("Pending", True)
    assert "completed" not in backup(sim)


def test_migration_that_waits_for_a_backup_does_not_count_against_the_migration_limit():
    """A migration uses a slot of the migration limit after Pending, or if it has a target pod.

    Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:2440-2467.
    """
    sim = simulated(
        {"name": "vm", "backup": NIGHTLY},
        {"name": "other"},
        migrations={"parallelMigrationsPerCluster": 1},
    )
    ask(sim, "2Gi")
    sim.engine.run_until(20)
    ask(sim, "2Gi", "other")
    sim.engine.run_until(60)
    found = {m["spec"]["vmiName"]: m["status"]["phase"] for m in migrations(sim)}
    assert found == {"vm": "Pending", "other": "Succeeded"}


def test_scheduled_end_of_a_backup_does_not_end_a_later_backup():
    sim = simulated({"name": "vm", "backup": NIGHTLY})
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances/vm"
    later = {"status": {"changedBlockTracking": {"backupStatus": {"backupName": "later"}}}}
    assert patch(sim, path, later).status == 200
    sim.engine.run_until(400)
    assert backup(sim)["backupName"] == "later"
    assert "completed" not in backup(sim)


@pytest.mark.parametrize(
    ("vm", "version", "path", "says"),
    [
        ({"backup": NIGHTLY}, "v1.7.1", "vms[0].backup", "v1.8"),
        ({"backup": NIGHTLY, "running": False}, "v1.9.0", "vms[0].backup", "has not booted"),
        ({"backup": {"ends": "5m"}}, "v1.9.0", "vms[0].backup.name", "needs a name"),
        ({"backup": {"name": "n", "ends": "soon"}}, "v1.9.0", "vms[0].backup.ends", "'soon'"),
        ({"backup": {"name": "n", "at": "5m"}}, "v1.9.0", "vms[0].backup.at", "unknown field"),
    ],
)
def test_impossible_backup_in_a_scenario_is_rejected_with_its_path(vm, version, path, says):
    with pytest.raises(WorldError) as caught:
        simulated({"name": "vm", **vm}, version=version)
    [problem] = caught.value.problems
    assert problem.path == path
    assert says in problem.message
