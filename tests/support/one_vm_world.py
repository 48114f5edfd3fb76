"""``Play``: a small simulated cluster and clock that tests change through the API."""

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
"""The KubeVirt configuration for v1.1, which has no rollout strategy."""


class Play:
    """A simulated cluster; tests change the VM that is named ``vm``."""

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
        """Merge *change* into a VM, and return the API server's response."""
        path = f"/apis/kubevirt.io/v1/namespaces/default/virtualmachines/{name}"
        headers = {"Content-Type": "application/merge-patch+json"}
        return self.sim.request("PATCH", path, headers=headers, body=json.dumps(change).encode())

    def template(self, **change):
        """Merge *change* into the spec of the VM template."""
        return self.patch({"spec": {"template": {"spec": change}}})

    def domain(self, **change):
        """Merge *change* into the domain of the VM template."""
        return self.template(domain=change)

    def ask(self, guest):
        """Request a new memory size for the VM."""
        return self.domain(memory={"guest": guest})

    def run(self, seconds):
        """Advance the simulated time."""
        self.sim.engine.step(seconds)

    def get(self, plural="virtualmachines"):
        """Return the VM, or another kind of object that is also named ``vm``."""
        return self.sim.store.get(Key(f"{plural}.kubevirt.io", "default", "vm"))

    @property
    def vmi(self):
        """Return the VirtualMachineInstance."""
        return self.get("virtualmachineinstances")

    @property
    def memory(self):
        """Return three memory sizes of the guest: at boot, requested and current."""
        status = self.vmi["status"]["memory"]
        return status["guestAtBoot"], status["guestRequested"], status["guestCurrent"]

    @property
    def said(self):
        """Return the VM's conditions, except those that every VM has."""
        usual = {"Ready", "LiveMigratable", "AgentConnected"}
        found = self.get()["status"]["conditions"]
        return {c["type"]: c.get("message", c["status"]) for c in found if c["type"] not in usual}

    @property
    def phases(self):
        """Return the phases of all migrations in the cluster."""
        found = self.sim.store.list("virtualmachineinstancemigrations.kubevirt.io")
        return [each.get("status", {}).get("phase") for each in found]

    def events(self, reason):
        """Return the messages of all Events with a given reason."""
        return [e["message"] for e in self.sim.store.list("events") if e["reason"] == reason]


def message(response):
    """Return the error message of a rejected API request."""
    assert response.status >= 400, response.body
    return json.loads(response.body)["message"]
