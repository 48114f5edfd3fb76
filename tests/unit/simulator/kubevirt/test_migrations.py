"""Tests the course of migrations: limits, failures, memory transfers, cancellation."""

from __future__ import annotations

import json

import pytest
from support.kubevirt_world import (
    JSON,
    LIVE,
    ask,
    events,
    memory,
    migrations,
    patch,
    phases,
    said,
    simulate,
    vm_path,
    vmi,
)

from reconciler.simulator.store.history import Key


def migrate(sim, **spec):
    kind = "VirtualMachineInstanceMigration"
    body = {"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": {"name": "m"}, "spec": spec}
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
    answer = sim.request("POST", path, headers=JSON, body=json.dumps(body).encode())
    return json.loads(answer.body).get("message", "")


def test_migrations_are_limited_to_five_in_the_cluster_and_two_from_a_node():
    vms = [{"name": f"vm-{n}", "node": f"node0{n % 4 + 1}"} for n in range(16)]
    slow = {"faults": {"transfer": "20s"}}
    sim = simulate(*({**vm, **slow} for vm in vms), nodes=6)
    for vm in vms:
        ask(sim, "2Gi", vm["name"])
    waiting = {None, "Pending", "Succeeded", "Failed"}
    most, busiest = 0, 0
    for _ in range(400):
        sim.engine.step(0.5)
        moving = [
            m["spec"]["vmiName"]
            for m, phase in zip(migrations(sim), phases(sim), strict=True)
            if phase not in waiting
        ]
        sources = [vmi(sim, name)["status"]["nodeName"] for name in moving]
        most = max(most, len(moving))
        busiest = max(busiest, *(sources.count(node) for node in sources), 0)
    assert (most, busiest) == (5, 2)
    assert phases(sim) == ["Succeeded"] * 16
    assert {memory(sim, vm["name"]) for vm in vms} == {("1Gi", "2Gi", "2Gi")}


def test_migration_limits_come_from_the_kubevirt_cr():
    spec = {**LIVE, "configuration": {"migrations": {"parallelMigrationsPerCluster": 1}}}
    vms = [{"name": f"vm-{n}", "faults": {"transfer": "10s"}} for n in range(3)]
    sim = simulate(*vms, spec=spec)
    for vm in vms:
        ask(sim, "2Gi", vm["name"])
    sim.engine.run_until(12)
    assert sorted(phases(sim)).count("Running") == 1
    sim.engine.run_until(60)
    assert phases(sim) == ["Succeeded"] * 3


def test_at_most_five_finished_migrations_of_a_vm_are_kept():
    sim = simulate({"name": "vm", "faults": {"migrationFails": "always"}})
    ask(sim, "2Gi")
    sim.engine.run_until(3600)
    assert phases(sim).count("Failed") == 5
    assert sum(phase != "Failed" for phase in phases(sim)) == 1
    assert events(sim, "MigrationBackoff")


def test_migration_fails_after_300_seconds_without_a_node_for_its_target():
    sim = simulate({"name": "vm", "faults": {"targetUnschedulable": 1}})
    ask(sim, "2Gi")
    sim.engine.run_until(300)
    assert phases(sim) == ["Scheduling"]
    assert events(sim, "migrationTargetPodUnschedulable")
    sim.engine.run_until(320)
    failure = "Migration target pod was removed during active migration."
    assert [e["message"] for e in events(sim, "FailedMigration")] == [failure]
    sim.engine.run_until(400)
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_waiting_target_pod_starts_when_memory_becomes_free():
    sim = simulate(
        {"name": "vm", "node": "node01"},
        {"name": "neighbour", "guest": "2Gi", "node": "node02"},
        nodes=2,
        nodeMemory="3Gi",
    )
    ask(sim, "2Gi")
    sim.engine.run_until(60)
    [message] = {e["message"] for e in events(sim, "FailedScheduling")}
    assert "1 Insufficient memory" in message
    patch(sim, vm_path("neighbour"), {"spec": {"runStrategy": "Halted"}})
    sim.engine.run_until(120)
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_target_pod_is_unschedulable_in_a_cluster_with_one_node():
    sim = simulate({"name": "vm"}, nodes=1)
    ask(sim, "2Gi")
    sim.engine.run_until(60)
    [message] = {e["message"] for e in events(sim, "FailedScheduling")}
    assert message == "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."


def test_transfer_time_depends_on_memory_size_and_bandwidth():
    spec = {**LIVE, "configuration": {"migrations": {"bandwidthPerMigration": "64Mi"}}}
    sim = simulate({"name": "vm", "guest": "2Gi"}, spec=spec)
    ask(sim, "3Gi")
    sim.engine.run_until(120)
    state = vmi(sim)["status"]["migrationState"]
    seconds = int(state["endTimestamp"][-3:-1]) - int(state["startTimestamp"][-3:-1])
    assert 32 <= seconds % 60 <= 35


def test_memory_transfer_is_aborted_after_the_completion_timeout():
    # v1.9.0 live-migration-source.go:796-814: 10 s for each of ⌈2.1⌉ decimal GB
    spec = {**LIVE, "configuration": {"migrations": {"completionTimeoutPerGiB": 10}}}
    sim = simulate({"name": "vm", "faults": {"transfer": "31s"}}, spec=spec)
    ask(sim, "2Gi")
    sim.engine.run_until(40)
    state = vmi(sim)["status"]["migrationState"]
    assert (state["failed"], state["failureReason"]) == (True, "Live migration has been aborted")


def test_manual_migration_also_hotplugs_memory():
    spec = {**LIVE, "workloadUpdateStrategy": {"workloadUpdateMethods": []}}
    sim = simulate({"name": "vm"}, spec=spec)
    ask(sim, "2Gi")
    sim.engine.run_until(30)
    assert phases(sim) == []
    body = {"metadata": {"name": "by-hand"}, "spec": {"vmiName": "vm"}}
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
    body |= {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration"}
    made = sim.request("POST", path, headers=JSON, body=json.dumps(body).encode())
    assert made.status == 201
    sim.engine.run_until(60)
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_memory_change_waits_for_the_end_of_a_manual_migration():
    vm = {"name": "vm", "faults": {"transfer": "30s"}}
    sim = simulate(vm, migrations=[{"vmi": "vm", "name": "by-hand"}])
    sim.engine.run_until(10)
    ask(sim, "2Gi")
    sim.engine.run_until(11)
    assert said(sim)["Failure"].endswith("memory hotplug is not allowed while VMI is migrating")
    sim.engine.run_until(120)
    assert said(sim) == {}
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_deleted_migration_is_recreated_while_the_memory_change_is_pending():
    sim = simulate({"name": "vm", "faults": {"transfer": "20s"}})
    ask(sim, "2Gi")
    sim.engine.run_until(12)
    name = migrations(sim)[0]["metadata"]["name"]
    path = f"/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations/{name}"
    assert sim.request("DELETE", path).status == 200
    sim.engine.run_until(14)
    state = vmi(sim)["status"]["migrationState"]
    assert (state["abortRequested"], state["abortStatus"]) == (True, "Succeeded")
    sim.engine.run_until(90)
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


@pytest.mark.parametrize(
    ("vm", "spec", "message"),
    [
        ({}, {"vmiName": "other"}, 'the VMI "default/other" does not exist'),
        ({}, {"vmiName": "vm", "priority": "user-triggered"}, "only virt-controller is allowed"),
        ({"migratable": False}, {"vmiName": "vm"}, "Reason: DisksNotLiveMigratable"),
        ({"bootedWith": "1Gi", "guest": "2Gi"}, {"vmiName": "vm"}, "in-flight migration detected"),
    ],
    ids=["absent", "priority", "not-migratable", "in-flight"],
)
def test_manual_migration_that_cannot_start_is_denied(vm, spec, message):
    sim = simulate({"name": "vm", **vm})
    sim.engine.run_until(6)
    assert message in migrate(sim, **spec)


def test_migration_limits_also_apply_to_manual_migrations():
    vms = [{"name": f"vm-{n}", "node": f"node0{n + 1}"} for n in range(8)]
    slow = {"faults": {"transfer": "30s"}}
    by_hand = [{"vmi": vm["name"]} for vm in vms]
    sim = simulate(*({**vm, **slow} for vm in vms), nodes=8, migrations=by_hand)
    sim.engine.run_until(10)
    assert sorted(phases(sim)) == ["Pending"] * 3 + ["Running"] * 5


def test_pending_migration_with_the_highest_priority_starts_first():
    # v1.9.0 pkg/virt-controller/watch/migration/migration.go:452-474
    spec = {**LIVE, "configuration": {"migrations": {"parallelMigrationsPerCluster": 1}}}
    vms = [{"name": name} for name in ("busy", "early", "urgent")]
    vms[0]["faults"] = {"transfer": "20s"}
    sim = simulate(*vms, spec=spec, nodes=5, migrations=[{"vmi": "busy"}])
    sim.engine.run_until(5)
    for name, priority in (("early", {}), ("urgent", {"priority": "user-triggered"})):
        key = Key("virtualmachineinstancemigrations.kubevirt.io", "default", f"m-{name}")
        sim.store.create(key, {"spec": {"vmiName": name, **priority}})
    sim.engine.run_until(24)
    started = {m["spec"]["vmiName"]: m["status"]["phase"] for m in migrations(sim)}
    assert started == {"busy": "Succeeded", "early": "Pending", "urgent": "Running"}


@pytest.mark.parametrize(
    ("disruption", "transfer", "at_s", "failed"),
    [(False, "45s", 55, True), (True, "45s", 55, None), (True, "65s", 70, True)],
)
def test_allow_workload_disruption_doubles_the_completion_timeout(
    disruption, transfer, at_s, failed
):
    # v1.9.0 live-migration-source.go:743-792: the VM is paused at the timeout, which then counts
    # twice
    migrating = {"completionTimeoutPerGiB": 10, "allowWorkloadDisruption": disruption}
    spec = {**LIVE, "configuration": {"migrations": migrating}}
    sim = simulate({"name": "vm", "faults": {"transfer": transfer}}, spec=spec)
    ask(sim, "2Gi")
    sim.engine.run_until(at_s)
    state = vmi(sim)["status"]["migrationState"]
    assert (state["completed"], state.get("failed")) == (True, failed)


def test_aborted_memory_transfer_never_completes():
    sim = simulate({"name": "vm", "faults": {"transfer": "5s"}})
    ask(sim, "2Gi")
    while phases(sim) != ["Running"]:
        sim.engine.step(0.1)
    sim.engine.step(4.75)
    name = migrations(sim)[0]["metadata"]["name"]
    path = f"/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations/{name}"
    sim.request("DELETE", path)
    sim.engine.step(0.5)
    state = vmi(sim)["status"]["migrationState"]
    assert (state.get("failed"), memory(sim)) == (True, ("1Gi", "1Gi", "1Gi"))


def test_pod_memory_label_is_removed_after_the_hotplug():
    # v1.9.0 pkg/virt-handler/migration-target.go:1229; a script simulated the recordings'
    # hypervisor
    sim = simulate({"name": "vm", "faults": {"transfer": "5s"}})
    label = "kubevirt.io/vmi-pod-memory-resource-requests"
    ask(sim, "2Gi")
    sim.engine.run_until(9)
    assert vmi(sim)["metadata"]["labels"][label] == "2316Mi"
    sim.engine.run_until(30)
    assert label not in vmi(sim)["metadata"]["labels"]


@pytest.mark.parametrize(
    ("version", "vendors", "ends"),
    [
        # v1.9.0 pkg/virt-controller/watch/migration/migration.go:986-1005; unknown for older
        # versions
        ("v1.8.0", ("Intel", "AMD"), "2Gi"),
        ("v1.9.0", ("Intel", "AMD"), "1Gi"),
        ("v1.9.0", ("AMD", "AMD"), "2Gi"),
        ("v1.9.0", ("Intel", "AMD", "Intel"), "2Gi"),
    ],
)
def test_target_pod_runs_on_a_node_with_the_cpu_vendor_of_the_source_node(version, vendors, ends):
    nodes = [{"name": f"node0{n}", "cpuVendor": each} for n, each in enumerate(vendors, 1)]
    sim = simulate({"name": "vm", "node": "node01"}, version=version, nodes=nodes)
    ask(sim, "2Gi")
    sim.engine.run_until(120)
    assert memory(sim)[2] == ends
    labels = sim.store.get(Key("nodes", "", "node01"))["metadata"]["labels"]
    assert labels[f"cpu-vendor.node.kubevirt.io/{vendors[0]}"] == "true"
    if len(vendors) > 2:
        assert vmi(sim)["status"]["nodeName"] == "node03"
