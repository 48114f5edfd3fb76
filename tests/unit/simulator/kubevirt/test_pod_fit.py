"""Tests whether a target pod is large enough: requests, limits, overcommit, huge pages.

Source: v1.9.0 pkg/virt-handler/migration-target.go:1152-1208 (the pod needs the overhead and the
VMI's requests); pkg/virt-controller/watch/vm/vm.go:3522-3547;
pkg/virt-controller/services/renderresources.go:220-317. For older versions, this is inference.
"""

from __future__ import annotations

import json

import pytest
from support.one_vm_world import LIVE, Play

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.field_reader import WorldError

MI = 1024**2
TOO_SMALL = "amount of requested guest memory (3Gi) exceeds the launcher memory request"


def overcommitted(percent):
    spec = json.loads(json.dumps(LIVE))
    spec["configuration"]["developerConfiguration"]["memoryOvercommit"] = percent
    return spec


def grown(**world):
    play = Play({"guest": "2Gi", **world.pop("vm", {})}, **world)
    play.ask("3Gi")
    play.run(90)
    return play


def pod_memory(play):
    """Returns the memory request, in bytes, of the compute container of the launcher pod."""
    pods = [p for p in play.sim.store.list("pods") if p["status"]["phase"] == "Running"]
    [resources] = [
        c["resources"] for p in pods for c in p["spec"]["containers"] if c["name"] == "compute"
    ]
    return quantity.parse(resources["requests"]["memory"])


def requests(play):
    return play.vmi["spec"]["domain"]["resources"].get("requests", {}).get("memory")


def test_hotplug_keeps_memory_overcommit_since_kubevirt_v1_7():
    play = grown(version="v1.7.1", spec=overcommitted(150))
    assert (play.memory[2], play.phases, requests(play)) == ("3Gi", ["Succeeded"], None)
    assert pod_memory(play) < 3 * 1024 * MI


def test_hotplug_removes_memory_overcommit_up_to_kubevirt_v1_6():
    play = grown(version="v1.6.3", spec=overcommitted(150))
    assert (play.memory[2], play.phases, requests(play)) == ("3Gi", ["Succeeded"], "3Gi")


def test_hotplug_of_guest_memory_also_changes_explicit_memory_requests():
    play = grown(vm={"domain": {"resources": {"requests": {"memory": "1Gi"}}}})
    assert (play.memory[2], play.phases, requests(play)) == ("3Gi", ["Succeeded"], "3Gi")


LIMITED = {"domain": {"resources": {"limits": {"memory": "2560Mi"}}}}


def test_hotplug_does_not_change_a_memory_limit_without_requests_since_kubevirt_v1_7():
    play = grown(version="v1.7.1", vm=LIMITED)
    assert (play.memory[2], play.phases, requests(play)) == ("3Gi", ["Succeeded"], None)
    assert play.vmi["spec"]["domain"]["resources"]["limits"]["memory"] == "2560Mi"


def test_hotplug_raises_a_memory_limit_and_the_requests_derived_from_it_up_to_kubevirt_v1_6():
    assert requests(Play({"guest": "2Gi", **LIMITED}, version="v1.6.3")) == "2560Mi"
    play = grown(version="v1.6.3", vm=LIMITED)
    assert (play.memory[2], play.phases, requests(play)) == ("3Gi", ["Succeeded"], "3584Mi")
    assert play.vmi["spec"]["domain"]["resources"]["limits"]["memory"] == "3584Mi"


def test_launcher_pod_without_memory_overhead_is_always_too_small():
    resources = {"requests": {"memory": "2Gi"}, "overcommitGuestOverhead": True}
    play = grown(vm={"domain": {"resources": resources}})
    assert play.memory == ("2Gi", "2Gi", "2Gi")
    assert play.phases.count("Succeeded") > 2
    found = [e for e in play.sim.store.list("events") if e["reason"].startswith(TOO_SMALL)]
    assert {e["message"] for e in found} == {"failed to update guest memory"}


def test_memory_change_after_a_migration_has_started_needs_another_migration():
    play = Play({"guest": "2Gi", "faults": {"transfer": "10s"}}, migrations=[{"vmi": "vm"}])
    while "migrationState" not in play.vmi["status"]:
        play.run(0.01)
    play.ask("3Gi")
    play.run(90)
    assert (play.memory[2], play.phases) == ("3Gi", ["Succeeded"] * 2)
    assert [
        e for e in play.sim.store.list("events") if e["reason"].startswith("cannot parse Memory")
    ]


def pages(size, **nodes):
    return Play(
        {"guest": "2Gi", "domain": {"memory": {"hugepages": {"pageSize": size}}}},
        nodes=[{"name": f"n{n}", "hugepages": dict(nodes)} for n in range(2)],
    )


@pytest.mark.parametrize("size", ["2Mi", "1Gi"])
def test_guest_with_huge_pages_grows_by_a_hotplug(size):
    play = pages(size, **{size: "4Gi"})
    play.ask("3Gi")
    play.run(60)
    assert (play.memory[2], play.phases) == ("3Gi", ["Succeeded"])


def test_hotplug_requires_free_huge_pages_of_the_same_page_size():
    play = pages("1Gi", **{"2Mi": "8Gi", "1Gi": "2Gi"})
    play.ask("3Gi")
    play.run(60)
    assert play.memory[2] == "2Gi"
    [said, *_] = play.events("FailedScheduling")
    assert "1 Insufficient hugepages-1Gi" in said


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("8Gi", {"hugepages-2Mi": "8Gi"}),
        ({"1Gi": "16Gi"}, {"hugepages-2Mi": "0", "hugepages-1Gi": "16Gi"}),
        (None, {}),
    ],
)
def test_huge_pages_in_a_scenario_are_2mi_by_default(given, found):
    node = {"name": "n", **({"hugepages": given} if given else {})}
    stored = Play({}, nodes=[node]).sim.store.get(Key("nodes", "", "n"))
    allocatable = stored["status"]["allocatable"]
    assert {k: v for k, v in allocatable.items() if k.startswith("hugepages")} == found


def test_vms_share_the_huge_pages_of_their_node():
    vm = {"guest": "2Gi", "node": "n0", "domain": {"memory": {"hugepages": {"pageSize": "2Mi"}}}}
    with pytest.raises(WorldError, match="'n0' has too few hugepages-2Mi for the VM"):
        Play({**vm, "name": "a"}, {**vm, "name": "b"}, nodes=[{"name": "n0", "hugepages": "3Gi"}])


def test_unknown_huge_page_size_in_a_scenario_is_reported():
    with pytest.raises(WorldError, match=r"hugepages.4Mi: unknown field"):
        Play({}, nodes=[{"name": "n", "hugepages": {"4Mi": "1Gi"}}])


PLUGGED = {"guest": "3Gi", "bootedWith": "2Gi", "hotplugged": True}


def test_vm_described_as_hotplugged_in_a_scenario_has_increased_memory_requests():
    resources = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    play = Play({**PLUGGED, "domain": {"resources": resources}})
    found = play.vmi["spec"]["domain"]["resources"]
    assert (found["requests"]["memory"], found["limits"]["memory"]) == ("3Gi", "3Gi")
    assert pod_memory(play) > 3 * 1024 * MI
    assert play.memory == ("2Gi", "3Gi", "3Gi")


def test_scenario_with_an_impossible_hotplug_is_rejected():
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    with pytest.raises(WorldError, match="cannot have started"):
        Play({**PLUGGED, "domain": {"resources": resources}})
    spec = {"configuration": {"vmRolloutStrategy": "Stage"}}
    with pytest.raises(WorldError, match="has no maxGuest"):
        Play(PLUGGED, spec=spec)
