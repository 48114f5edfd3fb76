"""Tests the simulated virt-operator, and when other components use a changed KubeVirt CR."""

from __future__ import annotations

import json

from support.kubevirt_world import KUBEVIRT, ask, patch, said, simulate

from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.worlds import parse


def test_kubevirt_cr_is_deployed_again_some_seconds_after_a_change():
    sim = simulate({"name": "vm"})
    key = Key("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    patch(sim, KUBEVIRT, {"spec": {"configuration": {"vmRolloutStrategy": "Stage"}}})
    seen = []
    sim.store.subscribe(lambda e: seen.append(json.loads(e.body)) if e.key == key else None)
    sim.engine.run_until(10)
    reported = [
        (
            cr["status"]["phase"],
            cr["status"]["observedGeneration"],
            {c["type"]: c["status"] for c in cr["status"]["conditions"]}["Available"],
            cr["status"]["observedDeploymentID"] == cr["status"]["targetDeploymentID"],
        )
        for cr in seen
    ]
    assert reported == [("Deploying", 1, "False", True), ("Deployed", 2, "True", True)]


def test_kubevirt_upgrade_changes_the_behaviour_of_the_simulated_cluster():
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


def test_virt_operator_does_not_report_deployed_if_the_kubevirt_cr_changes_during_a_deployment():
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


def test_kubevirt_components_use_a_changed_kubevirt_cr_after_a_delay():
    sim = simulate({"name": "vm"})
    patch(sim, KUBEVIRT, {"spec": {"configuration": {"vmRolloutStrategy": "Stage"}}})
    assert sim.cluster.config.live_update
    sim.engine.run_until(2)
    assert not sim.cluster.config.live_update


def test_created_kubevirt_cr_without_a_version_deploys_the_newest_version():
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
