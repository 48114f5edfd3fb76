"""Tests live updates of CPU sockets and placement, and their order relative to memory.

Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:640-670,2989-3061,3351-3366;
pkg/virt-handler/migration-target.go (finalizeMigration).
"""

from __future__ import annotations

import pytest
from support.one_vm_world import Play

ABOVE = "CPU sockets updated in template spec to a value higher than what's available"
FEWER = "Reduction of CPU socket count requires a restart"
CPUS = {"cpu": {"sockets": 2, "cores": 1, "threads": 1}}


def play_of(version="v1.9.0", **vm):
    return Play({"guest": "2Gi", "domain": CPUS, **vm}, version=version)


def cpus(play):
    return play.vmi["status"]["currentCPUTopology"]["sockets"]


def test_cpu_sockets_are_hotplugged_by_a_migration():
    play = play_of()
    play.domain(cpu={"sockets": 4})
    play.run(1)
    assert "HotVCPUChange" in play.said
    assert cpus(play) == 2
    play.run(60)
    assert (cpus(play), play.said, play.phases) == (4, {}, ["Succeeded"])


def test_changes_of_cpus_and_memory_share_one_migration():
    play = play_of()
    play.domain(cpu={"sockets": 4}, memory={"guest": "3Gi"})
    play.run(60)
    assert (cpus(play), play.memory[2], play.phases) == (4, "3Gi", ["Succeeded"])


@pytest.mark.parametrize(("sockets", "said"), [(9, ABOVE), (1, FEWER)])
def test_cpu_sockets_beyond_the_limits_need_a_restart(sockets, said):
    play = play_of()
    play.domain(cpu={"sockets": sockets})
    play.run(30)
    assert play.said == {"RestartRequired": said}
    assert (cpus(play), play.phases) == (2, [])


def test_max_sockets_come_from_the_kubevirt_cr_or_are_four_times_the_sockets():
    assert play_of().vmi["spec"]["domain"]["cpu"]["maxSockets"] == 8
    spec = {"configuration": {"liveUpdateConfiguration": {"maxCpuSockets": 3}}}
    found = Play({"domain": CPUS}, spec=spec).vmi["spec"]["domain"]["cpu"]
    assert found["maxSockets"] == 3


def test_changed_cpu_sockets_on_arm64_need_a_restart():
    play = play_of(architecture="arm64")
    play.domain(cpu={"sockets": 4})
    play.run(5)
    assert play.said == {"RestartRequired": "ARM doesn't support CPU hotplug"}


@pytest.mark.parametrize(
    ("version", "reached"),
    [("v1.6.3", "2Gi"), ("v1.6.4", "3Gi"), ("v1.7.0", "2Gi"), ("v1.9.0", "3Gi")],
)
def test_pending_restart_for_cpu_sockets_blocks_memory_changes_in_some_kubevirt_versions(
    version, reached
):
    play = play_of(version)
    play.domain(cpu={"sockets": 9})
    play.run(5)
    play.ask("3Gi")
    play.run(60)
    assert play.memory[2] == reached
    assert play.said == {"RestartRequired": ABOVE}


@pytest.mark.parametrize("version", ["v1.6.3", "v1.9.0"])
def test_memory_is_hotplugged_although_cpu_sockets_in_the_same_edit_wait_for_a_restart(version):
    play = play_of(version)
    play.domain(cpu={"sockets": 9}, memory={"guest": "3Gi"})
    play.run(60)
    assert play.memory[2] == "3Gi"
    assert play.said == {"RestartRequired": ABOVE}


def test_instancetype_with_too_many_cpus_needs_a_restart():
    kinds = [
        {"name": "small", "guest": "2Gi", "cpu": 1},
        {"name": "wide", "guest": "3Gi", "cpu": 8},
    ]
    play = Play({"instancetype": "small"}, instancetypes=kinds)
    play.patch({"spec": {"instancetype": {"name": "wide"}}})
    play.run(60)
    assert play.said == {"RestartRequired": ABOVE}


def test_failed_cpu_update_delays_the_memory_update():
    play = play_of(faults={"transfer": "20s"})
    play.domain(cpu={"sockets": 3})
    play.run(1)
    play.domain(cpu={"sockets": 4}, memory={"guest": "3Gi"})
    play.run(1)
    assert play.said["Failure"].endswith("another CPU hotplug is in progress")
    assert play.vmi["spec"]["domain"]["memory"]["guest"] == "2Gi"
    play.run(120)
    assert (cpus(play), play.memory[2], play.said) == (4, "3Gi", {})
    assert play.phases == ["Succeeded"] * 2


def test_cpu_topology_of_a_vm_that_sets_only_cores_is_unchanged():
    # Recorded on v1.3.1, v1.6.3 and v1.9.0 (dedicated-cpu).
    play = Play({"domain": {"cpu": {"cores": 2}}})
    assert play.vmi["spec"]["domain"]["cpu"] == {"cores": 2, "model": "host-model"}
    assert play.vmi["status"]["currentCPUTopology"] == {"cores": 2}
    assert play.said == {}


PLACES = {
    "nodeSelector": {"zone": "b"},
    "affinity": {"nodeAffinity": {}},
    "tolerations": [{"key": "zone", "operator": "Exists"}],
}


@pytest.mark.parametrize("name", PLACES)
def test_placement_of_a_vm_is_applied_to_its_vmi(name):
    play = play_of()
    play.template(**{name: PLACES[name]})
    play.run(5)
    assert play.vmi["spec"][name] == PLACES[name]
    assert (play.said, play.phases) == ({}, [])
    play.template(**{name: None})
    play.run(5)
    assert name not in play.vmi["spec"]


def test_changed_node_selector_applies_to_the_target_of_the_next_migration():
    nodes = [{"name": f"node{n}", "labels": {"zone": f"z{n}"}} for n in range(4)]
    play = Play({"guest": "2Gi", "node": "node0"}, nodes=nodes)
    play.template(nodeSelector={"zone": "z3"}, domain={"memory": {"guest": "3Gi"}})
    play.run(60)
    assert play.vmi["status"]["nodeName"] == "node3"


def test_placement_and_cpus_are_not_applied_to_running_vms_under_the_stage_strategy():
    spec = {"configuration": {"vmRolloutStrategy": "Stage"}}
    play = Play({"guest": "2Gi"}, spec=spec)
    play.template(nodeSelector={"zone": "b"})
    play.run(5)
    assert "nodeSelector" not in play.vmi["spec"]
    assert "RestartRequired" in play.said


def test_placement_change_waits_for_the_end_of_a_migration():
    play = play_of(faults={"transfer": "20s"})
    play.ask("3Gi")
    play.run(10)
    play.template(nodeSelector={"zone": "b"})
    play.run(2)
    said = "Node affinity should not be changed during VMI migration"
    assert play.said["Failure"].endswith(said)
    play.run(60)
    assert play.vmi["spec"]["nodeSelector"] == {"zone": "b"}
