"""Tests how changes of a running VM affect the memory of its guest."""

from __future__ import annotations

import pytest
from support.kubevirt_world import (
    JSON,
    ask,
    get,
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
def test_guest_memory_after_a_hotplug_depends_on_the_guest(vm, asked, expected):
    sim = simulate({"name": "vm", **vm})
    ask(sim, asked)
    sim.engine.run_until(60)
    assert memory(sim) == expected
    assert phases(sim) == ["Succeeded"]
    assert said(sim) == {}


def test_restart_applies_a_pending_memory_size():
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


def test_deleting_a_vm_deletes_all_objects_that_it_owns():
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


def test_kubevirt_before_v1_3_retries_a_rejected_hotplug_and_sets_no_condition():
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


def test_memory_hotplug_in_a_launcher_pod_that_is_too_small_causes_a_second_migration():
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


def test_simulations_with_the_same_seed_are_identical():
    def bodies():
        sim = simulate({"name": "a"}, {"name": "b"}, seed=3)
        ask(sim, "2Gi", "a")
        ask(sim, "2Gi", "b")
        sim.engine.run_until(60)
        return [
            sim.store.raw(key) for key in sim.store.keys("virtualmachineinstances.kubevirt.io")
        ]

    assert bodies() == bodies()


@pytest.mark.parametrize("field", ["nodeSelector", "affinity", "tolerations"])
def test_node_selector_affinity_and_tolerations_of_a_running_vm_change_without_a_restart(field):
    value = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": {"nodeAffinity": {}},
        "tolerations": [{"key": "k", "operator": "Exists"}],
    }[field]
    sim = simulate({"name": "vm"})
    patch(sim, vm_path(), {"spec": {"template": {"spec": {field: value}}}})
    sim.engine.run_until(5)
    assert said(sim) == {}


def test_memory_of_a_windows_guest_does_not_shrink_after_a_hot_unplug():
    grown = {"guest": "3Gi", "bootedWith": "1Gi", "hotplugged": True}
    sim = simulate({"name": "vm", "os": {"id": "mswindows"}, **grown})
    ask(sim, "2Gi")
    sim.engine.run_until(60)
    assert memory(sim) == ("1Gi", "2Gi", "3Gi")


def test_memory_requests_below_the_guest_size_are_raised_by_the_first_hotplug():
    # v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3539
    overcommitted = {"resources": {"requests": {"memory": "1Gi"}}}
    sim = simulate({"name": "vm", "guest": "2Gi", "domain": overcommitted})
    ask(sim, "4Gi")
    sim.engine.run_until(60)
    assert vmi(sim)["spec"]["domain"]["resources"]["requests"]["memory"] == "4Gi"
    assert memory(sim) == ("2Gi", "4Gi", "4Gi")


def test_instancetype_change_in_a_field_that_cannot_change_live_needs_a_restart():
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
