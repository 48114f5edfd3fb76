"""A small world on a stepped clock, driven through the API as an administrator would."""

from __future__ import annotations

import json

from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.worlds import parse

GATE = "VMLiveUpdateFeatures"
LIVE = {
    "configuration": {
        "vmRolloutStrategy": "LiveUpdate",
        "developerConfiguration": {"featureGates": [GATE]},
    },
    "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
}
GATED = LIVE | {"configuration": {"developerConfiguration": {"featureGates": [GATE]}}}
"""For KubeVirt v1.1, which has no rollout strategy."""


class Play:
    """One world; its VM of interest is named vm."""

    def __init__(self, *vms, version="v1.9.0", spec=None, **world):
        spec = spec or (GATED if version.startswith("v1.1.") else LIVE)
        document = {
            "apiVersion": "simulator/v1alpha1",
            "kind": "World",
            "kubevirt": {"version": version, "spec": spec},
            "vms": [{"name": "vm", **vm} for vm in vms],
            **world,
        }
        self.sim = Simulator(parse(document), clock=SimClock(scale=None))

    def patch(self, change, name="vm"):
        """Merges *change* into a VM; what the API server answers."""
        path = f"/apis/kubevirt.io/v1/namespaces/default/virtualmachines/{name}"
        headers = {"Content-Type": "application/merge-patch+json"}
        return self.sim.request("PATCH", path, headers=headers, body=json.dumps(change).encode())

    def template(self, **change):
        """Merges *change* into the template's spec of the VM."""
        return self.patch({"spec": {"template": {"spec": change}}})

    def domain(self, **change):
        """Merges *change* into the domain of the VM."""
        return self.template(domain=change)

    def ask(self, guest):
        """Asks for a size of the VM."""
        return self.domain(memory={"guest": guest})

    def run(self, seconds):
        """Lets time pass."""
        self.sim.engine.step(seconds)

    def get(self, plural="virtualmachines"):
        """The VM, or another object of its name."""
        return self.sim.store.get(Key(f"{plural}.kubevirt.io", "default", "vm"))

    @property
    def vmi(self):
        """The VM's instance."""
        return self.get("virtualmachineinstances")

    @property
    def memory(self):
        """The guest's memory: at boot, requested, current."""
        status = self.vmi["status"]["memory"]
        return status["guestAtBoot"], status["guestRequested"], status["guestCurrent"]

    @property
    def said(self):
        """What the VM's conditions say that are not always there."""
        usual = {"Ready", "LiveMigratable", "AgentConnected"}
        found = self.get()["status"]["conditions"]
        return {c["type"]: c.get("message", c["status"]) for c in found if c["type"] not in usual}

    @property
    def phases(self):
        """The phases of all migrations."""
        found = self.sim.store.list("virtualmachineinstancemigrations.kubevirt.io")
        return [each.get("status", {}).get("phase") for each in found]

    def events(self, reason):
        """The messages of the events of a reason."""
        return [e["message"] for e in self.sim.store.list("events") if e["reason"] == reason]


def message(response):
    """What a refused request was told."""
    assert response.status >= 400, response.body
    return json.loads(response.body)["message"]
