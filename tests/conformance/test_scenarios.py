"""Compares the simulator with a recorded real control plane, scenario by scenario.

scenarios.yaml has the initial VM of each scenario, the requests and responses, and every visible
change to the VM, its VMI and its migrations after each request. The test compares the order of
the changes on each object. The grouping of changes into events is not compared, because a
controller may write two changes together or one after the other.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from reconciler.simulator import clock, simulator
from reconciler.simulator.worlds import worlds

SCENARIOS = yaml.load(
    Path(__file__).with_name("scenarios.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
PATHS = {
    "vm": "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm",
    "kubevirt": "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt",
}
RESTART = PATHS["vm"].replace("/apis/", "/apis/subresources.") + "/restart"
RESOURCES = {
    "virtualmachines.kubevirt.io": "vm",
    "virtualmachineinstances.kubevirt.io": "vmi",
    "virtualmachineinstancemigrations.kubevirt.io": "migration",
}
CONTENT_TYPES = {list: "application/json-patch+json", dict: "application/merge-patch+json"}

HYPERVISOR = {"podMemoryLabel": "gone"}
"""The label that virt-handler removes after a memory hotplug; in recordings, a script does."""

RESTART_REQUIRED_S = (0.03, 0.21)
MIGRATION_S = (1.4, 20.0)


def view(obj):
    """Return the object fields that the scenarios compare, under short names."""
    fields = {
        "VirtualMachine": vm_fields,
        "VirtualMachineInstance": vmi_fields,
        "VirtualMachineInstanceMigration": migration_fields,
    }[obj["kind"]]
    meta, status = obj["metadata"], obj.get("status", {})
    seen = fields(obj["metadata"], obj.get("spec", {}), status)
    seen["deletionTimestamp"] = present(meta.get("deletionTimestamp"))
    for found in status.get("conditions", ()):
        said = [found["status"], found.get("reason"), found.get("message")]
        seen[found["type"]] = ": ".join(str(part) for part in said if part)
    return {name: value for name, value in seen.items() if value is not None}


def present(value):
    return None if value is None else "set"


def pick(values, *names):
    return {name: values.get(name) for name in names}


def vm_fields(meta, spec, status):
    memory = spec["template"]["spec"]["domain"].get("memory", {})
    return {
        "generation": meta["generation"],
        "runStrategy": spec.get("runStrategy"),
        "instancetype": spec.get("instancetype", {}).get("name"),
        "instancetypeRef": status.get("instancetypeRef", {}).get("name"),
        "startFailures": status.get("startFailure", {}).get("consecutiveFailCount"),
        **pick(memory, "guest", "maxGuest"),
        **pick(status, "desiredGeneration", "observedGeneration", "printableStatus"),
        **pick(status, "ready", "created"),
    }


def vmi_fields(meta, spec, status):
    labels, annotations = meta.get("labels", {}), meta.get("annotations", {})
    resources, state = spec["domain"].get("resources", {}), status.get("migrationState", {})
    times = ("startTimestamp", "endTimestamp", "targetNodeDomainReadyTimestamp")
    places = ("targetNodeAddress", "sourceNode", "targetNode", "sourcePod", "targetPod")
    memory = status.get("memory", {})
    return {
        **pick(spec["domain"].get("memory", {}), "guest", "maxGuest"),
        "requests": resources.get("requests", {}).get("memory"),
        "limits": resources.get("limits", {}).get("memory"),
        "vmGeneration": annotations.get("kubevirt.io/vm-generation"),
        "nonroot": annotations.get("kubevirt.io/nonroot"),
        "podMemoryLabel": labels.get("kubevirt.io/vmi-pod-memory-resource-requests"),
        "targetLabel": present(labels.get("kubevirt.io/migrationTargetNodeName")),
        "phase": status.get("phase"),
        **pick(memory, "guestAtBoot", "guestRequested", "guestCurrent", "memoryOverhead"),
        **pick(state, "completed", "failed", "failureReason", "targetMemoryOverhead"),
        **{name: present(state.get(name)) for name in times + places},
    }


def migration_fields(meta, spec, status):
    state, annotations = status.get("migrationState", {}), meta.get("annotations", {})
    return {
        "priority": spec.get("priority"),
        "vmi": present(meta.get("labels", {}).get("kubevirt.io/vmi-name")),
        "workloadUpdate": present(annotations.get("kubevirt.io/workloadUpdateMigration")),
        "finalizer": "set" if meta.get("finalizers") else None,
        "phase": status.get("phase"),
        **pick(state, "completed", "failed", "failureReason"),
        **{name: present(state.get(name)) for name in ("sourcePod", "targetPod")},
    }


def difference(before, after):
    """Return the fields that differ between two views; a removed field has the value `gone`."""
    changed = {k: v for k, v in after.items() if before.get(k) != v}
    return {**changed, **dict.fromkeys(before.keys() - after.keys(), "gone")}


class Log:
    """Collects the visible changes during a run, under the object names of the scenarios."""

    def __init__(self, sim):
        self.changes = []
        self._views = {}
        self._names = {}
        self._sim = sim
        for resource in RESOURCES:
            for key in sim.store.keys(resource):
                self._views[self._name(key)] = view(sim.store.get(key))
        sim.store.subscribe(self._note)

    def _name(self, key):
        kind = RESOURCES[key.resource]
        if kind != "migration":
            return kind
        return self._names.setdefault(key.name, f"migration{len(self._names) + 1}")

    def _note(self, event):
        if event.key.resource not in RESOURCES:
            return
        name, now = self._name(event.key), self._sim.clock.monotonic()
        if event.type == "DELETED":
            self.changes.append((now, name, {"object": "deleted"}))
            self._views[name] = {}
            return
        after = view(json.loads(event.body))
        changed = difference(self._views.get(name, {}), after)
        self._views[name] = after
        if event.type == "ADDED":
            changed["object"] = "added"
        if changed:
            self.changes.append((now, name, changed))


def cases():
    for name, blocks in SCENARIOS.items():
        for block in blocks:
            for version in block["versions"]:
                yield pytest.param(version, block, id=f"{version}-{name}")


def send(sim, step):
    """Send the request of a scenario step: a patch, a restart, or a DELETE."""
    path = PATHS[step.get("of", "vm")]
    if step.get("restart"):
        return sim.request("PUT", RESTART, headers={"Accept": "*/*"}, body=b"{}")
    if "patch" not in step:
        return sim.request("DELETE", path)
    headers = {"Content-Type": CONTENT_TYPES[type(step["patch"])]}
    return sim.request("PATCH", path, headers=headers, body=json.dumps(step["patch"]).encode())


def create(sim, guest):
    """Create the VM with a request, for scenarios in which the VM cannot run at the start."""
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "vm", "namespace": "default"},
        "spec": {
            "runStrategy": "Always",
            "template": {"spec": {"domain": {"memory": {"guest": guest}, "devices": {}}}},
        },
    }
    collection = PATHS["vm"].rpartition("/")[0]
    assert sim.request("POST", collection, body=json.dumps(body).encode()).status == 201
    sim.engine.step(14.0)


def run(version, block):
    """Run a scenario; return the responses, and all changes with their times."""
    world = worlds.parse(
        {
            "apiVersion": "simulator/v1alpha1",
            "kind": "World",
            "nodes": 2,
            "kubevirt": {"version": version, "spec": block["kubevirt"]},
            "vms": [{"name": "vm", **block["vm"]}] if "vm" in block else [],
            **block.get("world", {}),
        }
    )
    sim = simulator.Simulator(world, clock=clock.SimClock(scale=None))
    if "create" in block:
        create(sim, block["create"])
    log = Log(sim)
    sim.engine.step(1.0)
    responses = []
    for step in block["steps"]:
        responses.append(send(sim, step))
        sim.engine.step(step["for"])
    return responses, log.changes


CASES = list(cases())


def in_order(moves, name):
    """Return an object's changes as tuples of event number, field and value."""
    mine = [change for _, who, change in moves if who == name]
    return [(n, k, v) for n, change in enumerate(mine) for k, v in change.items()]


def skippable(name, field, value):
    """Return whether a controller can miss a change because its state lasted only briefly."""
    return name == "vm" and field == "Ready" and str(value).startswith("False")


def mismatch(expected, moves):
    """Return the first difference from the expected changes, or an empty string."""
    names = {name for group in expected for name in group} | {name for _, name, _ in moves}
    for name in sorted(names):
        groups = [group[name] for group in expected if name in group]
        found = in_order(moves, name)
        position = 0
        for group in groups:
            last = position
            for field, value in group.items():
                if skippable(name, field, value):
                    continue
                hits = [n for n, k, v in found if k == field and v == value and n >= position]
                if not hits:
                    return f"{name}: {field}={value!r} is missing after {position}: {found}"
                last = max(last, hits[0])
            position = last
        wanted = sum(not skippable(name, *item) for group in groups for item in group.items())
        extra = [
            (k, v) for _, k, v in found if HYPERVISOR.get(k) != v and not skippable(name, k, v)
        ]
        if len(extra) != wanted:
            rest = list(extra)
            for group in groups:
                for item in group.items():
                    if item in rest:
                        rest.remove(item)
            return f"{name}: {wanted} changes expected, {len(extra)} seen; left over: {rest}"
    return ""


@pytest.mark.parametrize(("version", "block"), CASES)
def test_simulator_reproduces_recorded_kubevirt_changes_within_the_recorded_times(version, block):
    responses, changes = run(version, block)
    for step, response in zip(block["steps"], responses, strict=True):
        assert response.status == step["status"], response.body
        if "message" in step:
            assert json.loads(response.body)["message"] == step["message"]
    expected = [group for step in block["steps"] for group in step["sees"]]
    assert mismatch(expected, changes) == ""
    assert_in_time(changes)


def assert_in_time(changes):
    patched = hotplug = None
    for at, name, change in changes:
        if name == "vm" and "generation" in change:
            patched = at
        if name == "vm" and "True" in change.get("RestartRequired", "") and hotplug is None:
            assert RESTART_REQUIRED_S[0] <= at - patched <= RESTART_REQUIRED_S[1]
        if name == "vmi" and change.get("HotMemoryChange") == "True":
            hotplug = at
        if name == "migration1" and change.get("object") == "added":
            assert MIGRATION_S[0] <= at - hotplug <= MIGRATION_S[1]


def test_simulator_retries_a_failed_migration_after_20_40_and_80_seconds():
    [block] = [b for b in SCENARIOS["migration-fails"] if "v1.9.0" in b["versions"]]
    phases = [(at, name, c["phase"]) for at, name, c in run("v1.9.0", block)[1] if "phase" in c]
    failed = [at for at, _, phase in phases if phase == "Failed"]
    again = [at for at, name, phase in phases if phase == "Scheduling" and name != "migration1"]
    waits = [start - end for end, start in zip(failed, again, strict=False)]
    assert [round(wait, -1) for wait in waits] == [20, 40, 80]
