"""Tests the simulated workload updater, and how quotas and nodes limit its migrations."""

from __future__ import annotations

from support.kubevirt_world import (
    KUBEVIRT,
    LIVE,
    ask,
    events,
    memory,
    migrations,
    patch,
    phases,
    simulate,
    vmi,
)

from reconciler.simulator.kubevirt.inventory import NodeFacts
from reconciler.simulator.store.history import Key


def test_migration_starts_when_the_quota_allows_its_target_pod():
    sim = simulate({"name": "vm"}, quotas=[{"hard": {"requests.memory": "2Gi"}}])
    ask(sim, "2Gi")
    sim.engine.run_until(30)
    assert phases(sim) == ["Pending"]
    [condition] = migrations(sim)[0]["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("migrationRejectedByResourceQuota", "True")
    refused = events(sim, "FailedCreate")[0]
    assert "exceeded quota: quota, requested: requests.memory=" in refused["message"]
    quota = "/api/v1/namespaces/default/resourcequotas/quota"
    assert patch(sim, quota, {"spec": {"hard": {"requests.memory": "8Gi"}}}).status == 200
    sim.engine.run_until(60)
    assert phases(sim) == ["Succeeded"]
    assert "conditions" not in migrations(sim)[0]["status"]


def test_quota_status_shows_the_number_of_used_pods():
    sim = simulate({"name": "vm"}, quotas=[{"hard": {"pods": "4"}}])
    sim.engine.run_until(1)
    quota = sim.store.get(Key("resourcequotas", "default", "quota"))
    assert quota["status"] == {"hard": {"pods": "4"}, "used": {"pods": "1"}}


def test_eviction_with_strategy_live_migrate_becomes_an_evacuation_migration():
    spec = {
        "configuration": {"evictionStrategy": "LiveMigrate"},
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["Evict"]},
    }
    sim = simulate({"name": "vm"}, spec=spec)
    uid = vmi(sim)["metadata"]["uid"]
    ask(sim, "2Gi")
    sim.engine.run_until(60)
    assert (vmi(sim)["metadata"]["uid"], memory(sim)) == (uid, ("1Gi", "2Gi", "2Gi"))


def test_adding_live_migrate_to_the_update_methods_starts_pending_changes():
    spec = {**LIVE, "workloadUpdateStrategy": {"workloadUpdateMethods": []}}
    sim = simulate({"name": "vm", "guest": "2Gi", "bootedWith": "1Gi"}, spec=spec)
    sim.engine.run_until(30)
    assert phases(sim) == []
    methods = {"workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]}}
    patch(sim, KUBEVIRT, {"spec": methods})
    sim.engine.run_until(60)
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_adding_live_migrate_to_the_update_methods_migrates_outdated_launcher_pods():
    spec = {**LIVE, "workloadUpdateStrategy": {"workloadUpdateMethods": []}}
    sim = simulate({"name": "old", "launcher": "v1.8.0"}, {"name": "new"}, spec=spec)
    sim.engine.run_until(10)
    cr = sim.store.get(Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt"))
    assert cr["status"]["outdatedVirtualMachineInstanceWorkloads"] == 1
    methods = {"workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]}}
    patch(sim, KUBEVIRT, {"spec": methods})
    sim.engine.run_until(60)
    [migration] = migrations(sim)
    assert migration["spec"] == {"vmiName": "old", "priority": "system-critical"}
    image = vmi(sim, "old")["status"]["launcherContainerImageVersion"]
    assert image.endswith(":v1.9.0")


def test_workload_updater_is_idle_while_the_kubevirt_cr_is_not_deployed():
    sim = simulate({"name": "vm"})
    ask(sim, "2Gi")
    key = Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    sim.store.mutate(key, lambda cr: cr["status"].update(phase="Deploying"), status=True)
    sim.engine.run_until(60)
    assert phases(sim) == []


def test_simulated_node_has_the_memory_and_labels_from_the_scenario():
    sim = simulate({"name": "vm"}, nodes=[{"name": "n", "memory": "8Gi", "labels": {"zone": "a"}}])
    facts = sim.cluster.inventory.nodes["n"]
    assert isinstance(facts, NodeFacts)
    assert (facts.memory, facts.schedulable, facts.labels["zone"]) == (8 * 1024**3, True, "a")


def test_workload_updater_deletes_its_migration_of_a_vm_that_has_no_pending_change():
    spec = {**LIVE, "configuration": {"migrations": {"parallelMigrationsPerCluster": 1}}}
    busy = {"name": "busy", "node": "node01", "faults": {"transfer": "60s"}}
    sim = simulate(busy, {"name": "vm", "node": "node02"}, spec=spec, migrations=[{"vmi": "busy"}])
    sim.engine.run_until(1)
    sim.store.create(
        Key("virtualmachineinstancemigrations.kubevirt.io", "default", "left-over"),
        {
            "metadata": {
                "annotations": {"kubevirt.io/workloadUpdateMigration": ""},
                "finalizers": ["kubevirt.io/migrationJobFinalize"],
            },
            "spec": {"vmiName": "vm"},
        },
    )
    sim.engine.run_until(20)
    messages = [e["message"] for e in events(sim, "FailedMigration")]
    assert messages == ["Migration failed due to being canceled"]


def test_finished_pod_does_not_use_the_quota():
    sim = simulate({"name": "vm"}, quotas=[{"hard": {"pods": "4"}}])
    ask(sim, "2Gi")
    sim.engine.run_until(30)
    quota = sim.store.get(Key("resourcequotas", "default", "quota"))
    assert (quota["status"]["used"], len(sim.store.list("pods"))) == ({"pods": "1"}, 2)
