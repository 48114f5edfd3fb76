"""Small simulated clusters with VMs in the namespace `default`, and helpers that change them."""

from __future__ import annotations

import json

from reconciler.simulator.clock import SimClock
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


def patch(sim, path, body, *, agent="kubectl"):
    headers = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
    headers = {**headers, "User-Agent": agent}
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
