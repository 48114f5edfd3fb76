"""Tests that described clusters can be simulated, and that impossible ones are rejected."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds
from reconciler.simulator.worlds.field_reader import WorldError

EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "worlds").glob("*.yaml"))
STAGE = {"configuration": {"vmRolloutStrategy": "Stage"}}
HEAD = {"apiVersion": "simulator/v1alpha1", "kind": "World"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_scenario_can_be_simulated(path):
    world = worlds.loads(path.read_bytes(), str(path))
    assert world.name == path.stem
    sim = Simulator(world, clock=SimClock(scale=None))
    sim.engine.run_until(10)
    stored = sim.store.list("virtualmachines.kubevirt.io")
    assert len(stored) == len(world.vms)
    names = {(vm["metadata"]["namespace"], vm["metadata"]["name"]): vm for vm in stored}
    for vm in world.vms:
        shown = names[vm.key]["status"]["printableStatus"]
        assert shown in ({"Running", "Migrating", "Paused"} if vm.running else {"Stopped"})


@pytest.mark.parametrize(
    "name",
    [
        "hotplug", "above-max", "above-explicit-max", "halted", "not-migratable",
        "shrink-below-boot", "misaligned", "migration-fails", "plug-refused", "stage",
        "gate-missing", "sticky-restart-required", "walkthrough", "fleet",
    ],
)  # fmt: skip
def test_each_demo_scenario_has_a_file_among_the_example_scenarios(name):
    assert name in {path.stem for path in EXAMPLES}


def test_scenario_for_the_walkthrough_has_no_kubevirt_settings():
    [path] = [path for path in EXAMPLES if path.stem == "walkthrough"]
    sim = Simulator(worlds.loads(path.read_bytes(), str(path)), clock=SimClock(scale=None))
    [cr] = sim.store.list("kubevirts.kubevirt.io")
    [vmi] = sim.store.list("virtualmachineinstances.kubevirt.io")
    assert cr["spec"] == {
        "configuration": {
            "developerConfiguration": {"featureGates": ["Snapshot", "HotplugVolumes"]}
        }
    }
    assert cr["status"]["observedKubeVirtVersion"] == "v1.3.1"
    assert vmi["spec"]["domain"]["memory"] == {"guest": "1Gi"}


def refused(**document):
    with pytest.raises(WorldError) as caught:
        Simulator(worlds.parse({**HEAD, **document}), clock=SimClock(scale=None))
    return [str(problem) for problem in caught.value.problems]


def vm(**fields):
    return {"vms": [{"name": "vm", **fields}]}


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        ({"kind": "Cluster"}, "kind", "'Cluster'"),
        ({"vmz": []}, "vmz", "unknown field"),
        ({"kubevirt": {"version": "v2.0.0"}}, "kubevirt.version", "v2.0.0"),
        (vm(guest="2GB"), "vms[0].guest", "'2GB'"),
        (vm(guest=True), "vms[0].guest", "True"),
        (vm(colour="red"), "vms[0].colour", "unknown field"),
        (vm(faults={"plugRefused": -1}), "vms[0].faults.plugRefused", "-1"),
        (vm(faults={"transfer": "fast"}), "vms[0].faults.transfer", "'fast'"),
        (vm(running="yes"), "vms[0].running", "'yes'"),
        (vm(bootedUnder="Live"), "vms[0].bootedUnder", "'Live'"),
        ({"rbac": "strict"}, "rbac", "'strict'"),
        ({"apiFaults": [{"effect": "explode"}]}, "apiFaults[0].effect", "'explode'"),
        ({"timeline": [{"request": {}}]}, "timeline[0].at", "30s"),
        ({"vms": ["vm"]}, "vms[0]", "'vm'"),
        ({"nodes": -1}, "nodes", "-1"),
        ({"startsAt": "tonight"}, "startsAt", "'tonight'"),
        ({"startsAt": "9999-12-31T23:59:59+00:00"}, "startsAt", "the years 2000 and 2999"),
        ({"kubevirt": {"spec": {"configuration": 1}}}, "kubevirt.spec.configuration", "object"),
        (
            {"quotas": [{"name": "q", "namespace": "db", "hard": {"limits.memory": "1Gi"}}] * 2},
            "quotas",
            "2 quotas have the name 'q' in namespace 'db'",
        ),
        ({"startsAt": "2026-07-06T22:00:00"}, "startsAt", "+02:00"),
        (
            {"objects": [{"apiVersion": "v1", "kind": "Gadget", "metadata": {"name": "g"}}]},
            "objects[0].kind",
            "Gadget",
        ),
    ],
)
def test_invalid_field_of_a_scenario_is_reported_with_its_value(document, path, value):
    [problem] = refused(**document)
    assert problem.startswith(f"{path}: ")
    assert value in problem


@pytest.mark.parametrize(
    ("impossible", "possible", "path"),
    [
        (vm(node="nowhere"), vm(node="node01"), "vms[0].node"),
        (vm(running=False, node="node01"), vm(running=False), "vms[0].node"),
        (vm(running=False, bootedWith="2Gi"), vm(guest="1Gi", bootedWith="2Gi"), "vms[0].booted"),
        (vm(guest="3Gi", maxGuest="2Gi"), vm(guest="2Gi", maxGuest="2Gi"), "vms[0].maxGuest"),
        (vm(hotplugged=True), vm(guest="2Gi", bootedWith="1Gi", hotplugged=True), "vms[0].hot"),
        (
            vm(instancetype="none"),
            {**vm(instancetype="i"), "instancetypes": [{"name": "i"}]},
            "vm",
        ),
        ({"nodes": 0, **vm()}, {"nodes": 1, **vm()}, "nodes"),
        (
            {"vms": [{"name": "a"}, {"name": "a"}]},
            {"vms": [{"name": "a"}, {"name": "b"}]},
            "vms[1]",
        ),
        (
            {**vm(running=False), "migrations": [{"vmi": "vm"}]},
            {**vm(), "migrations": [{"vmi": "vm"}]},
            "migrations[0].vmi",
        ),
        (
            {"nodeMemory": "2Gi", **vm(guest="2Gi")},
            {"nodeMemory": "3Gi", **vm(guest="2Gi")},
            "vms",
        ),
        (
            {"kubevirt": {"version": "v1.1.0", "spec": STAGE}},
            {"kubevirt": {"version": "v1.2.0", "spec": STAGE}},
            "kubevirt.spec.configuration.vmRolloutStrategy",
        ),
        ({"tokens": {"t": {}}}, {"tokens": {"t": {"user": "u"}}}, "tokens.t"),
        (
            vm(guest="1Gi", faults={"guestKeeps": "2Gi"}),
            vm(guest="3Gi", faults={"guestKeeps": "2Gi"}),
            "vms[0].faults.guestKeeps",
        ),
    ],
)
def test_impossible_scenario_is_rejected_until_it_is_corrected(impossible, possible, path):
    assert any(problem.startswith(path) for problem in refused(**impossible))
    Simulator(worlds.parse({**HEAD, **possible}), clock=SimClock(scale=None))


def test_all_problems_of_a_scenario_are_listed_together():
    problems = refused(rbac="no", nodes=[{"name": "n", "memory": "lots"}], **vm(guest="big"))
    assert [problem.split(":")[0] for problem in problems] == [
        "nodes[0].memory",
        "vms[0].guest",
        "rbac",
    ]


def test_scenario_that_is_not_yaml_is_rejected(tmp_path):
    path = tmp_path / "world.yaml"
    path.write_text("kind: [World")
    with pytest.raises(WorldError, match=r"world\.yaml does not describe a valid cluster"):
        worlds.loads(path.read_bytes(), str(path))


def test_timeline_of_a_scenario_sends_requests_and_injects_faults():
    request = {
        "path": "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm",
        "body": {"spec": {"runStrategy": "Halted"}},
    }
    timeline = [
        {"at": "5s", "request": request},
        {"at": "5s", "faults": [{"name": "vm", "plugRefused": True}]},
    ]
    world = worlds.parse({**HEAD, "timeline": timeline, **vm(guest="1Gi")})
    sim = Simulator(world, clock=SimClock(scale=None))
    sim.engine.run_until(4.9)
    assert sim.faults.of("default", "vm").plug_refused == 0
    sim.engine.run_until(10)
    assert sim.faults.of("default", "vm").plug_refused != 0
    [stored] = sim.store.list("virtualmachines.kubevirt.io")
    assert stored["status"]["printableStatus"] == "Stopped"


def test_api_server_uses_the_rbac_mode_and_tokens_of_the_scenario():
    world = worlds.parse(
        {**HEAD, "rbac": "enforced", "tokens": {"secret": {"user": "ann"}}, **vm(guest="1Gi")}
    )
    sim = Simulator(world, clock=SimClock(scale=None))
    path, headers = "/api/v1/nodes", {"Authorization": "Bearer secret"}
    assert sim.request("GET", path, headers=headers).status == 403
    assert sim.request("GET", path).status == 200
    assert [(r.user, r.status) for r in sim.request_log] == [
        ("ann", 403),
        ("kubernetes-admin", 200),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 10_000, "the YAML is nested too deeply"),
        ("- " * 10_000, "the YAML is nested too deeply"),
        (
            "a: &a [1,2,3,4,5,6,7,8,9,0]\n"
            + "".join(f"a: &a [{','.join(['*a'] * 10)}]\n" for _ in range(9)),
            "with its aliases, the YAML has more than 500000 values",
        ),
        ("#" * 4_000_000, "the YAML has 4000000 bytes; at most 3145728 are read"),
    ],
    ids=["lists", "items", "aliases", "length"],
)
def test_scenario_that_needs_too_much_time_or_memory_is_rejected(text, reason):
    with pytest.raises(WorldError, match=reason):
        worlds.loads(text.encode(), "a.yaml")


def test_duplicate_object_in_a_scenario_is_reported():
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    world = worlds.parse({**HEAD, "nodes": [{"name": "n"}], "objects": [node]})
    with pytest.raises(
        WorldError, match=r"objects\[0\].*the Node 'n' already exists in the scenario"
    ):
        Simulator(world)
