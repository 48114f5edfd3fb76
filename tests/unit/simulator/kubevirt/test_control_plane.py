"""What KubeVirt does over time: limits, failures, guests, the CR, restarts. On a stepped clock."""

from __future__ import annotations

import json

import pytest

from reconciler.simulator.clock import SimClock
from reconciler.simulator.kubevirt.inventory import NodeFacts
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.worlds import parse

JSON_PATCH = {"Content-Type": "application/json-patch+json"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
JSON = {"Content-Type": "application/json"}
KUBEVIRT = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
LIVE = {
    "configuration": {"vmRolloutStrategy": "LiveUpdate"},
    "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
}


def simulate(*vms, version="v1.9.0", spec=LIVE, **world):
    document = {
        "apiVersion": "simulator/v1alpha1",
        "kind": "World",
        "kubevirt": {"version": version, "spec": spec, **world.pop("kubevirt", {})},
        "vms": [{"guest": "1Gi", **vm} for vm in vms],
        **world,
    }
    return Simulator(parse(document), clock=SimClock(scale=None))


def patch(sim, path, body):
    headers = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
    return sim.request("PATCH", path, headers=headers, body=json.dumps(body).encode())


def vm_path(name="vm"):
    return f"/apis/kubevirt.io/v1/namespaces/default/virtualmachines/{name}"


def ask(sim, guest, name="vm"):
    path = "/spec/template/spec/domain/memory/guest"
    return patch(sim, vm_path(name), [{"op": "replace", "path": path, "value": guest}])


def get(sim, plural, name="vm"):
    return sim.store.get(Key(f"{plural}.kubevirt.io", "default", name))


def vmi(sim, name="vm"):
    return get(sim, "virtualmachineinstances", name)


def memory(sim, name="vm"):
    status = vmi(sim, name)["status"]["memory"]
    return status["guestAtBoot"], status["guestRequested"], status["guestCurrent"]


def migrations(sim):
    return sim.store.list("virtualmachineinstancemigrations.kubevirt.io")


def phases(sim):
    return [m.get("status", {}).get("phase") for m in migrations(sim)]


def said(sim, name="vm"):
    found = get(sim, "virtualmachines", name)["status"]["conditions"]
    usual = {"Ready", "LiveMigratable", "AgentConnected"}
    return {c["type"]: c.get("message", c["status"]) for c in found if c["type"] not in usual}


def events(sim, reason):
    return [e for e in sim.store.list("events") if e["reason"] == reason]


def test_at_most_five_migrations_run_in_the_cluster_and_two_from_a_node():
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


def test_the_limits_are_those_of_the_cr():
    spec = {**LIVE, "configuration": {"migrations": {"parallelMigrationsPerCluster": 1}}}
    vms = [{"name": f"vm-{n}", "faults": {"transfer": "10s"}} for n in range(3)]
    sim = simulate(*vms, spec=spec)
    for vm in vms:
        ask(sim, "2Gi", vm["name"])
    sim.engine.run_until(12)
    assert sorted(phases(sim)).count("Running") == 1
    sim.engine.run_until(60)
    assert phases(sim) == ["Succeeded"] * 3


def test_five_finished_migrations_of_a_vm_are_kept():
    sim = simulate({"name": "vm", "faults": {"migrationFails": "always"}})
    ask(sim, "2Gi")
    sim.engine.run_until(3600)
    assert phases(sim).count("Failed") == 5
    assert sum(phase != "Failed" for phase in phases(sim)) == 1
    assert events(sim, "MigrationBackoff")


@pytest.mark.parametrize(
    ("vm", "asked", "expected"),
    [
        ({"faults": {"guestSilent": True}}, "2Gi", ("1Gi", "2Gi", "1Gi")),
        ({"kernel": "4.18.0-553.el8.x86_64"}, "2Gi", ("1Gi", "2Gi", "1Gi")),
        ({"kernel": "5.14.0-503.el9.x86_64"}, "2Gi", ("1Gi", "2Gi", "2Gi")),
        ({"guest": "3Gi", "bootedWith": "1Gi", "hotplugged": True}, "2Gi", ("1Gi", "2Gi", "2Gi")),
        (
            {
                "guest": "3Gi",
                "bootedWith": "1Gi",
                "hotplugged": True,
                "faults": {"guestKeeps": "2560Mi"},
            },
            "2Gi",
            ("1Gi", "2Gi", "2560Mi"),
        ),
        ({"os": {"id": "mswindows"}}, "2Gi", ("1Gi", "2Gi", "2Gi")),
    ],
    ids=["silent", "old-linux", "new-linux", "shrink", "shrink-partly", "windows"],
)
def test_what_the_guest_makes_of_the_memory(vm, asked, expected):
    sim = simulate({"name": "vm", **vm})
    ask(sim, asked)
    sim.engine.run_until(60)
    assert memory(sim) == expected
    assert phases(sim) == ["Succeeded"]
    assert said(sim) == {}


def test_a_target_that_no_node_takes_fails_the_migration_after_300_seconds():
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


def test_a_waiting_target_starts_when_room_comes():
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


def test_a_single_node_can_migrate_nothing():
    sim = simulate({"name": "vm"}, nodes=1)
    ask(sim, "2Gi")
    sim.engine.run_until(60)
    [message] = {e["message"] for e in events(sim, "FailedScheduling")}
    assert message == "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."


def test_a_migration_starts_once_the_quota_allows_it():
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


def test_a_quota_shows_what_is_used():
    sim = simulate({"name": "vm"}, quotas=[{"hard": {"pods": "4"}}])
    sim.engine.run_until(1)
    quota = sim.store.get(Key("resourcequotas", "default", "quota"))
    assert quota["status"] == {"hard": {"pods": "4"}, "used": {"pods": "1"}}


def test_a_transfer_takes_as_long_as_size_and_bandwidth_make_it():
    spec = {**LIVE, "configuration": {"migrations": {"bandwidthPerMigration": "64Mi"}}}
    sim = simulate({"name": "vm", "guest": "2Gi"}, spec=spec)
    ask(sim, "3Gi")
    sim.engine.run_until(120)
    state = vmi(sim)["status"]["migrationState"]
    seconds = int(state["endTimestamp"][-3:-1]) - int(state["startTimestamp"][-3:-1])
    assert 32 <= seconds % 60 <= 35


def test_a_transfer_that_takes_too_long_is_aborted():
    # v1.9.0 live-migration-source.go:796-814: 10 s for each of ⌈2.1⌉ decimal GB
    spec = {**LIVE, "configuration": {"migrations": {"completionTimeoutPerGiB": 10}}}
    sim = simulate({"name": "vm", "faults": {"transfer": "31s"}}, spec=spec)
    ask(sim, "2Gi")
    sim.engine.run_until(40)
    state = vmi(sim)["status"]["migrationState"]
    assert (state["failed"], state["failureReason"]) == (True, "Live migration has been aborted")


def test_a_migration_by_hand_plugs_the_memory_too():
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


def test_a_change_during_a_foreign_migration_waits_for_its_end():
    vm = {"name": "vm", "faults": {"transfer": "30s"}}
    sim = simulate(vm, migrations=[{"vmi": "vm", "name": "by-hand"}])
    sim.engine.run_until(10)
    ask(sim, "2Gi")
    sim.engine.run_until(11)
    assert said(sim)["Failure"].endswith("memory hotplug is not allowed while VMI is migrating")
    sim.engine.run_until(120)
    assert said(sim) == {}
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_a_deleted_migration_is_made_again_while_the_change_waits():
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


def test_evict_with_an_eviction_strategy_of_live_migrate_becomes_an_evacuation():
    spec = {
        "configuration": {"evictionStrategy": "LiveMigrate"},
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["Evict"]},
    }
    sim = simulate({"name": "vm"}, spec=spec)
    uid = vmi(sim)["metadata"]["uid"]
    ask(sim, "2Gi")
    sim.engine.run_until(60)
    assert (vmi(sim)["metadata"]["uid"], memory(sim)) == (uid, ("1Gi", "2Gi", "2Gi"))


def test_adding_live_migrate_starts_what_was_stuck():
    spec = {**LIVE, "workloadUpdateStrategy": {"workloadUpdateMethods": []}}
    sim = simulate({"name": "vm", "guest": "2Gi", "bootedWith": "1Gi"}, spec=spec)
    sim.engine.run_until(30)
    assert phases(sim) == []
    methods = {"workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]}}
    patch(sim, KUBEVIRT, {"spec": methods})
    sim.engine.run_until(60)
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_adding_live_migrate_moves_outdated_launchers_too():
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


def test_the_cr_settles_some_seconds_after_a_change():
    sim = simulate({"name": "vm"})
    key = Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    patch(sim, KUBEVIRT, {"spec": {"configuration": {"vmRolloutStrategy": "Stage"}}})
    seen = []
    sim.store.subscribe(lambda e: seen.append(json.loads(e.body)) if e.key == key else None)
    sim.engine.run_until(10)
    told = [
        (
            cr["status"]["phase"],
            cr["status"]["observedGeneration"],
            {c["type"]: c["status"] for c in cr["status"]["conditions"]}["Available"],
            cr["status"]["observedDeploymentID"] == cr["status"]["targetDeploymentID"],
        )
        for cr in seen
    ]
    assert told == [("Deploying", 1, "False", True), ("Deployed", 2, "True", True)]


def test_the_updater_rests_while_the_cr_is_not_deployed():
    sim = simulate({"name": "vm"})
    ask(sim, "2Gi")
    key = Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    sim.store.mutate(key, lambda cr: cr["status"].update(phase="Deploying"), status=True)
    sim.engine.run_until(60)
    assert phases(sim) == []


def test_an_upgrade_changes_the_version_and_what_it_implies():
    sim = simulate({"name": "vm"}, version="v1.6.3")
    ask(sim, "9Gi")
    sim.engine.run_until(1)
    ask(sim, "1Gi")
    sim.engine.run_until(2)
    assert "RestartRequired" in said(sim)
    patch(sim, KUBEVIRT, {"spec": {"imageTag": "v1.9.0"}})
    sim.engine.run_until(30)
    cr = sim.store.get(Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt"))
    assert cr["status"]["observedKubeVirtVersion"] == "v1.9.0"
    sim.engine.run_until(120)
    assert "RestartRequired" not in said(sim)


def test_hyperconverged_takes_back_what_others_change():
    sim = simulate({"name": "vm"}, kubevirt={"owner": "HyperConverged"})
    assert patch(sim, KUBEVIRT, {"spec": {"workloadUpdateStrategy": None}}).status == 200
    sim.engine.run_until(5)
    cr = sim.store.get(Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt"))
    assert cr["spec"] == LIVE
    assert cr["metadata"]["ownerReferences"][0]["kind"] == "HyperConverged"
    managers = {entry["manager"] for entry in cr["metadata"]["managedFields"]}
    assert "hyperconverged-cluster-operator" in managers


def gates(names, disabled=()):
    developer = {"featureGates": list(names), "disabledFeatureGates": list(disabled)}
    return {"spec": {"configuration": {"developerConfiguration": developer}}}


@pytest.mark.parametrize(("version", "warned"), [("v1.4.0", False), ("v1.5.0", True)])
def test_a_graduated_gate_is_warned_about_when_the_list_changes(version, warned):
    sim = simulate({"name": "vm"}, version=version)
    answer = patch(sim, KUBEVIRT, gates(["VMLiveUpdateFeatures"]))
    assert answer.status == 200
    assert ("VMLiveUpdateFeatures is deprecated" in answer.header("Warning")) is warned
    again = patch(sim, KUBEVIRT, {"spec": {"configuration": {"evictionStrategy": "None"}}})
    assert again.header("Warning") == ""


@pytest.mark.parametrize(("version", "status"), [("v1.7.0", 200), ("v1.8.0", 422)])
def test_a_gate_in_both_lists_is_denied_since_v1_8(version, status):
    sim = simulate({"name": "vm"}, version=version)
    assert patch(sim, KUBEVIRT, gates(["Snapshot"], ["Snapshot"])).status == status


def test_a_second_kubevirt_is_denied():
    sim = simulate({"name": "vm"})
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "two"},
        "spec": {},
    }
    path = "/apis/kubevirt.io/v1/namespaces/default/kubevirts"
    answer = sim.request("POST", path, headers=JSON, body=json.dumps(body).encode())
    assert "Kubevirt is already created" in json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    ("version", "status"), [("v1.3.1", 422), ("v1.6.3", 200), ("v1.9.0", 200)]
)
def test_a_guest_given_as_an_integer(version, status):
    sim = simulate({"name": "vm"}, version=version)
    assert ask(sim, 2147483648).status == status


def test_a_dry_run_is_denied_like_the_real_thing_and_changes_nothing():
    sim = simulate({"name": "vm", "maxGuest": "2Gi"})
    body = [{"op": "replace", "path": "/spec/template/spec/domain/memory/guest", "value": "3Gi"}]
    query = (("dryRun", "All"),)
    answer = sim.request(
        "PATCH", vm_path(), query=query, headers=JSON_PATCH, body=json.dumps(body).encode()
    )
    assert answer.status == 422
    assert "greater than the configured maxGuest" in json.loads(answer.body)["message"]
    assert get(sim, "virtualmachines")["metadata"]["generation"] == 1


def test_the_vmi_is_restricted_to_kubevirt():
    sim = simulate({"name": "vm"})
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances/vm"
    answer = patch(sim, path, {"spec": {"domain": {"memory": {"guest": "2Gi"}}}})
    assert "update of VMI object is restricted" in json.loads(answer.body)["message"]
    assert patch(sim, path, {"metadata": {"labels": {"team": "a"}}}).status == 200


def migrate(sim, **spec):
    kind = "VirtualMachineInstanceMigration"
    body = {"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": {"name": "m"}, "spec": spec}
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
    answer = sim.request("POST", path, headers=JSON, body=json.dumps(body).encode())
    return json.loads(answer.body).get("message", "")


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
def test_migrations_by_hand_that_are_denied(vm, spec, message):
    sim = simulate({"name": "vm", **vm})
    sim.engine.run_until(6)
    assert message in migrate(sim, **spec)


def test_a_restart_brings_the_waiting_size():
    sim = simulate({"name": "vm", "guest": "6Gi", "bootedWith": "1Gi"})
    assert "RestartRequired" in said(sim)
    before = vmi(sim)["metadata"]["uid"]
    path = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/vm/restart"
    assert sim.request("PUT", path, headers=JSON, body=b"{}").status == 202
    sim.engine.run_until(10)
    assert vmi(sim)["metadata"]["uid"] != before
    assert memory(sim) == ("6Gi", "6Gi", "6Gi")
    assert said(sim) == {}
    assert get(sim, "virtualmachines")["status"]["printableStatus"] == "Running"


def test_a_deleted_vm_takes_all_that_is_its_own_with_it():
    sim = simulate({"name": "vm"})
    ask(sim, "2Gi")
    sim.engine.run_until(30)
    assert sim.request("DELETE", vm_path()).status == 200
    sim.engine.run_until(40)
    left = [
        resource
        for resource in ("pods", "controllerrevisions.apps", "virtualmachineinstances.kubevirt.io")
        if sim.store.list(resource)
    ]
    assert (get(sim, "virtualmachines"), migrations(sim), left) == (None, [], [])


def test_a_plug_refused_before_v1_3_is_not_seen_and_tried_again():
    spec = {
        "configuration": {"developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]}}
    }
    spec["configuration"]["vmRolloutStrategy"] = "LiveUpdate"
    spec["workloadUpdateStrategy"] = {"workloadUpdateMethods": ["LiveMigrate"]}
    sim = simulate({"name": "vm", "faults": {"plugRefused": 2}}, version="v1.2.1", spec=spec)
    ask(sim, "2Gi")
    sim.engine.run_until(90)
    assert phases(sim) == ["Succeeded"] * 3
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_a_plug_into_a_pod_that_is_too_small_migrates_again():
    requests = {"resources": {"requests": {"memory": "1Gi"}}}
    sim = simulate({"name": "vm", "domain": requests, "faults": {"transfer": "10s"}})
    ask(sim, "2Gi")
    sim.engine.run_until(8)
    key = Key("virtualmachineinstances.kubevirt.io", "default", "vm")
    label = "kubevirt.io/vmi-pod-memory-resource-requests"
    sim.store.mutate(key, lambda stored: stored["metadata"]["labels"].update({label: "1Gi"}))
    sim.engine.run_until(60)
    assert phases(sim) == ["Succeeded"] * 2
    [event] = [
        e for e in sim.store.list("events") if e["message"] == "failed to update guest memory"
    ]
    assert event["reason"].startswith("amount of requested guest memory (2Gi) exceeds")
    assert memory(sim) == ("1Gi", "2Gi", "2Gi")


def test_a_run_repeats_exactly_with_its_seed():
    def bodies():
        sim = simulate({"name": "a"}, {"name": "b"}, seed=3)
        ask(sim, "2Gi", "a")
        ask(sim, "2Gi", "b")
        sim.engine.run_until(60)
        return [
            sim.store.raw(key) for key in sim.store.keys("virtualmachineinstances.kubevirt.io")
        ]

    assert bodies() == bodies()


def test_nodes_are_seen_with_their_room():
    sim = simulate({"name": "vm"}, nodes=[{"name": "n", "memory": "8Gi", "labels": {"zone": "a"}}])
    facts = sim.cluster.inventory.nodes["n"]
    assert isinstance(facts, NodeFacts)
    assert (facts.memory, facts.schedulable, facts.labels["zone"]) == (8 * 1024**3, True, "a")


def test_the_controller_holds_to_the_limits_for_migrations_by_hand_too():
    vms = [{"name": f"vm-{n}", "node": f"node0{n + 1}"} for n in range(8)]
    slow = {"faults": {"transfer": "30s"}}
    by_hand = [{"vmi": vm["name"]} for vm in vms]
    sim = simulate(*({**vm, **slow} for vm in vms), nodes=8, migrations=by_hand)
    sim.engine.run_until(10)
    assert sorted(phases(sim)) == ["Pending"] * 3 + ["Running"] * 5


def test_a_free_slot_goes_to_the_most_urgent_migration_that_waits():
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
def test_workload_disruption_doubles_the_time_of_a_transfer(disruption, transfer, at_s, failed):
    # v1.9.0 live-migration-source.go:743-792: paused at the time-out, which then counts twice
    migrating = {"completionTimeoutPerGiB": 10, "allowWorkloadDisruption": disruption}
    spec = {**LIVE, "configuration": {"migrations": migrating}}
    sim = simulate({"name": "vm", "faults": {"transfer": transfer}}, spec=spec)
    ask(sim, "2Gi")
    sim.engine.run_until(at_s)
    state = vmi(sim)["status"]["migrationState"]
    assert (state["completed"], state.get("failed")) == (True, failed)


def test_an_aborted_transfer_does_not_arrive_after_all():
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


def test_the_updater_withdraws_a_migration_whose_change_is_gone():
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


def test_the_label_with_the_targets_size_goes_after_the_plug():
    # v1.9.0 pkg/virt-handler/migration-target.go:1229; the recordings' hypervisor was a script
    sim = simulate({"name": "vm", "faults": {"transfer": "5s"}})
    label = "kubevirt.io/vmi-pod-memory-resource-requests"
    ask(sim, "2Gi")
    sim.engine.run_until(9)
    assert vmi(sim)["metadata"]["labels"][label] == "2316Mi"
    sim.engine.run_until(30)
    assert label not in vmi(sim)["metadata"]["labels"]


def test_a_pod_that_has_ended_counts_in_no_quota():
    sim = simulate({"name": "vm"}, quotas=[{"hard": {"pods": "4"}}])
    ask(sim, "2Gi")
    sim.engine.run_until(30)
    quota = sim.store.get(Key("resourcequotas", "default", "quota"))
    assert (quota["status"]["used"], len(sim.store.list("pods"))) == ({"pods": "1"}, 2)


def test_an_own_max_guest_denies_nothing_under_stage():
    spec = {"configuration": {"vmRolloutStrategy": "Stage"}}
    sim = simulate({"name": "vm", "maxGuest": "2Gi"}, spec=spec)
    assert ask(sim, "3Gi").status == 200


@pytest.mark.parametrize(
    ("domain", "guest", "message"),
    [
        ({"hugepages": {"pageSize": "2Mi"}}, "1025Mi", "is not a multiple of the page size"),
        ({"hugepages": {"pageSize": "1Gi"}}, "512Mi", "must be equal to or larger than page size"),
    ],
)
def test_a_guest_must_fill_its_huge_pages(domain, guest, message):
    nodes = [{"name": "n", "hugepages": {"2Mi": "8Gi", "1Gi": "8Gi"}}]
    given = {"memory": {"guest": "2Gi", **domain}}
    sim = simulate({"name": "vm", "guest": "2Gi", "domain": given}, nodes=nodes)
    assert message in json.loads(ask(sim, guest).body)["message"]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}, "is greater than"),
        ({"requests": {"memory": "1k"}}, "must be greater than or equal to 1M."),
        ({"requests": {"memory": "-1Gi"}}, "must be greater than or equal to 0."),
    ],
)
def test_requests_that_no_pod_could_have_are_denied(resources, message):
    sim = simulate({"name": "vm"})
    body = {"spec": {"template": {"spec": {"domain": {"resources": resources}}}}}
    assert message in json.loads(patch(sim, vm_path(), body).body)["message"]


LIMITED = {"resources": {"limits": {"memory": "1536Mi"}, "requests": {"memory": "1Gi"}}}


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(
    ("version", "strategy", "gates", "denied"),
    [
        # v1.9.0 ADM/vmi-create-admitter.go:1024-1047; recorded v1.3.1, v1.6.3 and v1.9.0
        # limits-memory-below (admitted under LiveUpdate)
        ("v1.1.1", None, [], True),
        ("v1.2.1", "Stage", [], True),
        ("v1.2.1", "LiveUpdate", ["VMLiveUpdateFeatures"], True),
        ("v1.3.1", "LiveUpdate", ["VMLiveUpdateFeatures"], False),
        ("v1.3.1", "LiveUpdate", [], True),
        ("v1.5.3", None, [], True),
        ("v1.6.3", None, [], False),
        ("v1.9.0", "LiveUpdate", [], False),
        ("v1.9.0", "Stage", [], True),
    ],
)
def test_a_guest_above_its_limit_is_denied_unless_live_update_follows_it(
    version, strategy, gates, denied, running
):
    configuration = {"developerConfiguration": {"featureGates": gates}}
    if strategy is not None:
        configuration["vmRolloutStrategy"] = strategy
    stored = {"name": "vm", "domain": LIMITED, "running": running}
    sim = simulate(stored, version=version, spec={"configuration": configuration})
    assert ask(sim, "1536Mi").status == 200
    answer = ask(sim, "2Gi")
    assert answer.status == (422 if denied else 200)
    if denied:
        [cause] = json.loads(answer.body)["details"]["causes"]
        assert cause["field"] == "spec.template.spec.domain.memory.guest"
        assert cause["message"] == (
            "spec.template.spec.domain.memory.guest '2Gi' must be equal to or less than the "
            "memory limit spec.template.spec.domain.resources.limits.memory '1536Mi'"
        )


@pytest.mark.parametrize(
    ("version", "vendors", "ends"),
    [
        # v1.9.0 pkg/virt-controller/watch/migration/migration.go:986-1005; not known of older ones
        ("v1.8.0", ("Intel", "AMD"), "2Gi"),
        ("v1.9.0", ("Intel", "AMD"), "1Gi"),
        ("v1.9.0", ("AMD", "AMD"), "2Gi"),
        ("v1.9.0", ("Intel", "AMD", "Intel"), "2Gi"),
    ],
)
def test_a_target_keeps_to_the_cpu_vendor_of_its_source(version, vendors, ends):
    nodes = [{"name": f"node0{n}", "cpuVendor": each} for n, each in enumerate(vendors, 1)]
    sim = simulate({"name": "vm", "node": "node01"}, version=version, nodes=nodes)
    ask(sim, "2Gi")
    sim.engine.run_until(120)
    assert memory(sim)[2] == ends
    labels = sim.store.get(Key("nodes", "", "node01"))["metadata"]["labels"]
    assert labels[f"cpu-vendor.node.kubevirt.io/{vendors[0]}"] == "true"
    if len(vendors) > 2:
        assert vmi(sim)["status"]["nodeName"] == "node03"


@pytest.mark.parametrize("field", ["nodeSelector", "affinity", "tolerations"])
def test_where_a_vm_may_run_is_live(field):
    value = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": {"nodeAffinity": {}},
        "tolerations": [{"key": "k", "operator": "Exists"}],
    }[field]
    sim = simulate({"name": "vm"})
    patch(sim, vm_path(), {"spec": {"template": {"spec": {field: value}}}})
    sim.engine.run_until(5)
    assert said(sim) == {}


def test_windows_gives_no_memory_back():
    grown = {"guest": "3Gi", "bootedWith": "1Gi", "hotplugged": True}
    sim = simulate({"name": "vm", "os": {"id": "mswindows"}, **grown})
    ask(sim, "2Gi")
    sim.engine.run_until(60)
    assert memory(sim) == ("1Gi", "2Gi", "3Gi")


def test_a_round_of_the_operator_that_a_newer_change_overtakes_reports_nothing():
    sim = simulate({"name": "vm"})
    key = Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    patch(sim, KUBEVIRT, {"spec": {"configuration": {"evictionStrategy": "LiveMigrate"}}})
    sim.engine.run_until(1.5)
    patch(sim, KUBEVIRT, {"spec": {"configuration": {"evictionStrategy": "None"}}})
    sim.engine.run_until(3.4)
    assert sim.store.get(key)["status"]["phase"] == "Deploying"
    sim.engine.run_until(10)
    status = sim.store.get(key)["status"]
    assert (status["phase"], status["observedGeneration"]) == ("Deployed", 3)


def test_the_guests_agent_answers_what_it_runs():
    sim = simulate({"name": "vm", "kernel": "5.4.0"}, {"name": "mute", "agent": False})
    path = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances"
    answer = sim.request("GET", f"{path}/vm/guestosinfo")
    assert json.loads(answer.body)["os"]["kernelRelease"] == "5.4.0"
    assert sim.request("GET", f"{path}/mute/guestosinfo").status == 409
    assert sim.request("GET", f"{path}/none/guestosinfo").status == 404


def test_components_read_a_changed_cr_a_moment_later():
    sim = simulate({"name": "vm"})
    patch(sim, KUBEVIRT, {"spec": {"configuration": {"vmRolloutStrategy": "Stage"}}})
    assert sim.cluster.config.live_update
    sim.engine.run_until(2)
    assert not sim.cluster.config.live_update


def test_requests_below_the_guest_are_lifted_at_the_first_hotplug():
    # v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3539
    overcommitted = {"resources": {"requests": {"memory": "1Gi"}}}
    sim = simulate({"name": "vm", "guest": "2Gi", "domain": overcommitted})
    ask(sim, "4Gi")
    sim.engine.run_until(60)
    assert vmi(sim)["spec"]["domain"]["resources"]["requests"]["memory"] == "4Gi"
    assert memory(sim) == ("2Gi", "4Gi", "4Gi")


def test_instancetypes_that_differ_in_a_field_that_is_not_live_need_a_restart():
    # v1.9.0 vm.go:3050: the requests of an overcommitting type differ with its size
    sim = simulate(
        {"name": "vm", "guest": None, "instancetype": "small"},
        instancetypes=[
            {"name": "small", "namespace": "default", "guest": "2Gi", "overcommitPercent": 50},
            {"name": "large", "namespace": "default", "guest": "4Gi", "overcommitPercent": 50},
        ],
    )
    assert vmi(sim)["spec"]["domain"]["resources"]["requests"]["memory"] == "1Gi"
    patch(sim, vm_path(), {"spec": {"instancetype": {"name": "large"}}})
    sim.engine.run_until(10)
    message = "a non-live-updatable field was changed in the template spec"
    assert said(sim) == {"RestartRequired": message}


def test_a_kubevirt_that_a_client_creates_without_a_version_settles_as_the_newest():
    running = Simulator(
        parse(
            {
                "apiVersion": "simulator/v1alpha1",
                "kind": "World",
                "name": "empty",
                "kubevirt": {"version": "v1.9.0", "names": []},
            }
        ),
        clock=SimClock(scale=None),
    )
    path = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts"
    cr = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "kubevirt"}}
    body = json.dumps(cr | {"spec": {}}).encode()
    headers = {"content-type": "application/json"}
    assert running.request("POST", path, headers=headers, body=body).status == 201
    running.engine.step(30)
    found = json.loads(running.request("GET", f"{path}/kubevirt").body)
    assert found["status"]["observedKubeVirtVersion"] == "v1.9.0"
