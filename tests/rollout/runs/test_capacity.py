"""The plan predicts whether migration target pods fit, and rollouts stay within the capacity."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from support.simulated import WORLDS, Rig, simulator, vm_yaml

from reconciler.app.read_and_plan import plan_against_cluster
from reconciler.cluster.read.snapshot_file import SnapshotReader, dump
from reconciler.model.quantity import MIB, MemoryQuantity
from reconciler.model.run.outcome import ExitCode
from reconciler.plan.plan_policy import PlanPolicy

ASK = vm_yaml("default", "vm", "2Gi")
BOTH = vm_yaml("default", "first", "2Gi") + vm_yaml("default", "second", "2Gi")
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
MIGRATIONS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations"
PODS, QUOTAS = "/api/v1/pods", "/api/v1/resourcequotas"
CR = yaml.safe_load((WORLDS / "nodes-full.yaml").read_text())["kubevirt"]["spec"]
VERSIONS = ("v1.3.1", "v1.6.3", "v1.9.0")


def rig(world: str, **changes) -> Rig:
    run = Rig(simulator(world, **changes))
    run.clock.sleep(15.0)
    return run


def items(run: Rig, path: str) -> list[dict]:
    return json.loads(run.sim.request("GET", path).body)["items"]


def effect(run: Rig, text: str = ASK) -> tuple[str, str]:
    (decision,) = run.plan(text).decisions
    return decision.effect.value, decision.reason.value


def patched_by_hand(run: Rig, guest: str = "2Gi") -> str:
    """Patch a VM by hand, and return the guest's memory after ten minutes."""
    memory = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}}
    assert run.merge(VM, memory, agent="kubectl") == 200
    run.clock.sleep(600.0)
    return run.vmi("default", "vm")["status"]["memory"]["guestCurrent"]


def requests(pod: dict) -> int:
    sizes = (
        each["resources"].get("requests", {}).get("memory") for each in pod["spec"]["containers"]
    )
    return sum(MemoryQuantity.parse(size).n_bytes for size in sizes if size)


def target_size(version: str, guest: str) -> int:
    """The memory request of a migration target pod on a cluster with free capacity, in bytes."""
    run = versioned("hotplug", version)
    patched_by_hand(run, guest)
    running = [each for each in items(run, PODS) if each["status"]["phase"] == "Running"]
    return requests(running[0])


def versioned(world: str, version: str, **changes) -> Rig:
    gate = {"developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]}}
    configuration = {**CR["configuration"], **(gate if version < "v1.5" else {})}
    spec = {**CR, "configuration": configuration}
    return rig(world, kubevirt={"version": version, "spec": spec}, **changes)


@pytest.mark.parametrize("world", ["nodes-full", "quota"])
def test_change_that_the_plan_blocks_for_lack_of_capacity_fails_if_made_with_kubectl(world):
    run = rig(world)
    assert effect(run)[0] == "blocked"
    assert patched_by_hand(run) == "1Gi"
    found = items(run, MIGRATIONS)
    assert {each["status"]["phase"] for each in found} <= {"Pending", "Scheduling", "Failed"}
    refused = [c["type"] for each in found for c in each["status"].get("conditions", ())]
    assert ("migrationRejectedByResourceQuota" in refused) is (world == "quota")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("spare", [0, -1])
def test_plan_predicts_to_the_byte_whether_a_target_pod_fits_on_a_node(version, spare):
    needed = target_size(version, "2Gi")
    run = versioned("hotplug", version, nodes=2, nodeMemory=str(needed + spare))
    foreseen = effect(run)
    assert foreseen == (("live", "hotplug") if spare == 0 else ("blocked", "no-node-with-room"))
    assert patched_by_hand(run) == ("2Gi" if spare == 0 else "1Gi")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("spare", [0, -1])
def test_plan_predicts_to_the_byte_whether_a_target_pod_fits_in_a_quota(version, spare):
    both = target_size(version, "1Gi") + target_size(version, "2Gi")
    quota = {"name": "team", "hard": {"requests.memory": str(both + spare)}}
    run = versioned("hotplug", version, quotas=[quota])
    foreseen = effect(run)
    assert foreseen == (("live", "hotplug") if spare == 0 else ("blocked", "quota-would-refuse"))
    assert patched_by_hand(run) == ("2Gi" if spare == 0 else "1Gi")


def test_capacity_message_states_the_required_memory_and_the_best_node():
    run = rig("nodes-full")
    (decision,) = run.plan(ASK).decisions
    used = {each["spec"]["nodeName"]: requests(each) for each in items(run, PODS)}
    assert f"requests {-(-target_size('v1.9.0', '2Gi') // MIB)}Mi" in decision.why.message
    free = (3072 * MIB - used["node02"]) // MIB
    assert (
        f"no other node has this amount of memory free; node02 has the most: {free}Mi"
        in decision.why.message
    )


def test_plan_reads_pods_and_quotas_once_and_only_if_a_vm_changes_through_a_live_migration():
    run = rig("hotplug")
    run.plan(ASK)
    run.plan(vm_yaml("default", "vm", "1Gi"))
    run.plan(vm_yaml("default", "vm", "5Gi"))
    asked = [each.path for each in run.sim.request_log if each.path in (PODS, QUOTAS)]
    assert sorted(asked) == [PODS, QUOTAS]


def test_plan_without_permission_to_list_pods_states_that_capacity_was_not_checked():
    fault = {"verbs": ["list"], "resource": "pods", "code": 403}
    run = rig("nodes-full", apiFaults=[fault])
    plan = run.plan(ASK)
    assert plan.summary == {"live": 1}
    assert [each.code for each in plan.diagnostics] == ["pods-unreadable"]


@pytest.mark.parametrize(
    ("with_capacity", "foreseen", "codes"),
    [(True, {"blocked": 1}, []), (False, {"live": 1}, ["room-not-in-snapshot"])],
)
def test_plan_from_a_snapshot_warns_only_if_the_snapshot_has_no_capacity(
    tmp_path, with_capacity, foreseen, codes
):
    run = rig("nodes-full")
    path = tmp_path / "live.json"
    live = run.informer.read()
    path.write_bytes(
        dump(replace(live, capacity=run.informer.capacity() if with_capacity else None))
    )
    _, plan = plan_against_cluster(run.desired(ASK), SnapshotReader(path), PlanPolicy(), run.clock)
    assert plan.summary == foreseen
    assert [each.code for each in plan.diagnostics] == codes


def never_refused(run: Rig):
    """Return a list that collects target pods that a quota rejects or that fit on no node."""
    seen = []

    def look(event):
        found = json.loads(event.body)
        for each in found.get("status", {}).get("conditions") or ():
            unplaced = each["type"] == "PodScheduled" and each["status"] == "False"
            if unplaced or each["type"] == "migrationRejectedByResourceQuota":
                seen.append((found["kind"], found["metadata"]["name"], each["type"]))

    run.sim.store.subscribe(look)
    return seen


def test_vms_change_one_at_a_time_if_the_nodes_have_capacity_for_only_one_target_pod():
    run = rig("room-one-after-another")
    refused = never_refused(run)
    report = run.apply(BOTH, deadline_s=600)
    assert [each.code for each in report.plan.diagnostics] == ["room-one-after-another"]
    assert report.exit is ExitCode.DONE
    assert {each.reason for each in report.outcomes} == {"converged"}
    assert refused == []
    assert (report.ended_at - report.started_at).total_seconds() < 45, (
        "the run does not wait for a minute"
    )


def test_simultaneous_manual_patches_beyond_capacity_leave_a_target_pod_unscheduled():
    run = rig("room-one-after-another")
    refused = never_refused(run)
    memory = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}}}
    for name in ("first", "second"):
        run.merge(VM.replace("/vm", f"/{name}"), memory, agent="kubectl")
    run.clock.sleep(60.0)
    assert refused


def test_capacity_reserved_for_one_vm_change_is_not_used_for_the_next_vm_change():
    run = rig("room-for-one")
    refused = never_refused(run)
    report = run.apply(BOTH, deadline_s=900)
    assert [each.code for each in report.plan.diagnostics] == ["room-not-for-all"]
    assert sorted((each.result.value, each.reason) for each in report.outcomes) == [
        ("done", "converged"),
        ("held", "no-node-with-room"),
    ]
    assert report.exit is ExitCode.BLOCKED
    assert len(run.patches()) == 1
    assert refused == []


def test_vm_change_fails_if_a_quota_created_after_the_patch_rejects_the_target_pod():
    run = rig("quota-comes-later")
    report = run.apply(ASK, deadline_s=600)
    assert report.plan.summary == {"live": 1}
    (outcome,) = report.outcomes
    assert (outcome.result, outcome.reason) == ("failed", "quota-refused")
    assert (report.exit, len(run.patches())) == (ExitCode.FAILED, 1)


def test_pods_are_read_about_once_a_minute_until_the_last_change_starts():
    vms = [
        {"name": f"vm-{n}", "guest": "1Gi", "node": "node01", "faults": {"transfer": "100s"}}
        for n in range(3)
    ]
    run = rig("hotplug", vms=vms)
    report = run.apply(
        "".join(vm_yaml("default", f"vm-{n}", "2Gi") for n in range(3)),
        max_concurrent=1,
        deadline_s=1200,
    )
    assert report.exit is ExitCode.DONE
    spent_s = (report.ended_at - report.started_at).total_seconds()
    reads = sum(each.path == PODS for each in run.sim.request_log)
    last_s = 100.0
    assert (spent_s - 2 * last_s) / 60 <= reads <= 1 + (spent_s - last_s) / 60
