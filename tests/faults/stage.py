"""``Stage``: runs a rollout with injected faults, and checks every write."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from urllib.parse import unquote

from faults.informer import SteppedInformer
from support.simulated import InProcessApi, Rig, SteppedClock, vm_yaml
from support.simulated import _Response as InProcessResponse
from urllib3.exceptions import ReadTimeoutError

from reconciler.cluster.api.client import Client
from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.errors import ReconcilerError
from reconciler.model.quantity import MemoryQuantity
from reconciler.simulator.apiserver.request.http_messages import User
from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

PARSED = {}
"""A cache of parsed desired states, because every run reads the same manifests."""
PRODUCT = User("product")
"""The product's user name on the server, so that a fault affects only the product."""
API = "/apis/kubevirt.io/v1"
CR_PATH = f"{API}/namespaces/kubevirt/kubevirts/kubevirt"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
VMS = ("b", "c")
"""The VMs whose memory changes one at a time; the VM ``still`` already matches Git."""
TARGET = "b"
READ_TIMEOUT_S = 30.0
RENEW_S = LeaseTimes().renew_s
"""The seconds after which a run renews a Lease and so notices that another client took it."""

GATED = {
    "version": "v1.3.1",
    "spec": {
        "configuration": {
            "vmRolloutStrategy": "LiveUpdate",
            "developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]},
        },
        "workloadUpdateStrategy": {"workloadUpdateMethods": []},
    },
}
"""A KubeVirt v1.3.1 CR that the rollout must restore in two steps.

At the start, its feature gate is removed.
"""
DEFAULT = {
    "version": "v1.9.0",
    "spec": {
        "configuration": {"developerConfiguration": {"featureGates": ["Snapshot"]}},
        "workloadUpdateStrategy": {"workloadUpdateMethods": []},
    },
}
CR = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration:
    vmRolloutStrategy: LiveUpdate
    developerConfiguration: {featureGates: [GATE]}
  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
"""


def vm_path(name):
    return f"{API}/namespaces/default/virtualmachines/{name}"


class Killed(BaseException):
    """Simulates the death of the process, which then sends nothing and keeps its Leases."""


class LostError(ReadTimeoutError):
    """The response to a simulated request did not arrive in time."""

    def __init__(self):
        super().__init__(None, "", "no answer")


class Api(InProcessApi):
    """Sends the product's requests to the simulated API server, with injected faults."""

    def __init__(self, stage):
        super().__init__(stage.sim)
        self._stage = stage
        self.dead = False

    def call_api(self, method, path, query, headers, body, **_rest):
        if self.dead:
            raise Killed
        self._stage.asked(method, unquote(path))
        answer = self._sim.request(
            method,
            unquote(path),
            query=tuple((key, str(value)) for key, value in query),
            headers=headers | {"user-agent": self.user_agent},
            body=json.dumps(body).encode() if body is not None else b"",
            user=PRODUCT,
        )
        self._stage.answered(method, unquote(path), answer)
        return SimpleNamespace(response=InProcessResponse(answer))


@dataclass
class Wire:
    """The connection faults that affect the product's next writes."""

    lose_requests: int = 0
    lose_answers: int = 0
    fired: int = 0


@dataclass(frozen=True)
class Pass:
    """The report of one run, or the error that ended the run."""

    report: object = None
    error: object = None
    began: object = None

    @property
    def code(self):
        return self.report.exit.name if self.report else type(self.error).__name__

    def outcome(self, name):
        found = [each for each in self.report.outcomes if each.ref.name == name]
        return found[0] if found else None


@dataclass
class Stage(Rig):
    """Runs ``reconcile`` on a simulated cluster like a CronJob, and records all observations."""

    passes: list[Pass] = field(default_factory=list)
    wire: Wire = field(default_factory=Wire)
    hooks: list = field(default_factory=list)
    """Functions that are called with ``(when, method, path)`` around the product's requests."""
    problems: list[str] = field(default_factory=list)
    """The violations of rules, in the order in which they were found."""
    landed_in: Counter = field(default_factory=Counter)
    """The successful writes of each run, which must not repeat even a reverted write."""
    leased: dict = field(default_factory=dict)
    """The time at which each Lease expires, keyed by holder and kind of Lease."""
    robbed_at: datetime | None = None
    """When another client took over or deleted Leases that had not expired."""
    first_spec: dict = field(default_factory=dict)
    taken_back: list[str] = field(default_factory=list)
    landed: list[tuple] = field(default_factory=list)
    """The object, uid and size of each write of the product that changed a size."""

    def __post_init__(self):
        super().__post_init__()
        self.clock = SteppedClock(self.sim)
        self.reborn()

    def reborn(self):
        """Simulate a new process, with new connections and no cached state."""
        self.api = Api(self)
        self.client = Client(self.api, clock=self.clock, request_timeout_s=READ_TIMEOUT_S)
        self.informer = SteppedInformer(self.client, self.clock, self.sim)
        self.stop = False

    def desired(self, text):
        if text not in PARSED:
            PARSED[text] = super().desired(text)
        return PARSED[text]

    # The product's requests

    def asked(self, method, path):
        for hook in tuple(self.hooks):
            hook("asked", method, path)
        if not _writes(method, path):
            return
        if self.wire.lose_requests:
            self.wire.lose_requests -= 1
            self.wire.fired += 1
            self.clock.sleep(READ_TIMEOUT_S)
            raise LostError
        self._before = self._sizes()
        self._check_lease(method, path)

    def answered(self, method, path, response):
        if "/leases" in path:
            self._note_leases()
        if _writes(method, path):
            self._note_landing(path)
            if self.wire.lose_answers:
                self.wire.lose_answers -= 1
                self.wire.fired += 1
                self.clock.sleep(READ_TIMEOUT_S)
                raise LostError
        if delay_s := response.delay_s:
            self.clock.sleep(min(delay_s, READ_TIMEOUT_S))
            if delay_s > READ_TIMEOUT_S:
                raise LostError
        for hook in tuple(self.hooks):
            hook("answered", method, path)

    def _check_lease(self, method, path):
        """Check that this run holds the Lease for a write, and that the Lease has not expired.

        If another client breaks the rules and takes over a Lease early, the run notices that only
        at its next renewal.
        """
        kind = "memory" if "virtualmachines" in path else "config"
        now = self.clock.now()
        ends = self.leased.get((self.holder, kind))
        robbed = self.robbed_at is not None and (now - self.robbed_at).total_seconds() > RENEW_S
        if ends is None:
            self.problems.append(f"{method} {path} at {now} without the lease {kind}")
        elif ends < now:
            self.problems.append(f"{method} {path} at {now}, the lease {kind} ended at {ends}")
        elif robbed and not self._holds(kind):
            self.problems.append(f"{method} {path} at {now}, the lease {kind} is another run's")

    def _leases(self, kind):
        found = self.sim.store.list("leases.coordination.k8s.io")
        return [each for each in found if kind in each["metadata"]["name"]]

    def _holds(self, kind):
        return any(each["spec"]["holderIdentity"] == self.holder for each in self._leases(kind))

    def _note_leases(self):
        """Store when each Lease of this run expires, according to the server."""
        for kind in ("memory", "config"):
            for lease in self._leases(kind):
                spec = lease["spec"]
                lasts = timedelta(seconds=spec.get("leaseDurationSeconds") or 0)
                if spec.get("holderIdentity") == self.holder:
                    ends = datetime.fromisoformat(spec["renewTime"]) + lasts
                    self.leased[self.holder, kind] = ends

    def _note_landing(self, path):
        after = self._sizes()
        for name, found in after.items():
            if self._before.get(name) != found and path.endswith(f"/{name}"):
                self.landed.append((name, *found))
                self.landed_in[self.holder, name, *found] += 1

    def _sizes(self):
        found = {
            vm["metadata"]["name"]: (vm["metadata"]["uid"], guest_of(vm)) for vm in self.vms()
        }
        cr = self.kubevirt()
        return found | {"kubevirt": (cr["metadata"]["uid"], json.dumps(cr["spec"]))}

    # The state of the cluster

    def vms(self):
        return self.sim.store.list("virtualmachines.kubevirt.io")

    def vmis(self):
        return self.sim.store.list("virtualmachineinstances.kubevirt.io")

    def migrations(self, vm):
        found = self.sim.store.list("virtualmachineinstancemigrations.kubevirt.io")
        return [each for each in found if each["spec"]["vmiName"] == vm]

    def kubevirt(self):
        [found] = self.sim.store.list("kubevirts.kubevirt.io")
        return found

    def ask(self, method, path, body=None, *, agent="kubectl", kind=None):
        """Send a request as another client, and return the HTTP status of the response."""
        merge = "application/merge-patch+json"
        kind = kind or (merge if method == "PATCH" else "application/json")
        return self.sim.request(
            method,
            path,
            headers={"content-type": kind, "user-agent": agent},
            body=b"" if body is None else json.dumps(body).encode(),
        ).status

    def soon(self, work, delay_s=0.0):
        """Call *work* after a simulated delay, outside of the current call."""
        self.sim.engine.at(delay_s, work)

    @contextmanager
    def watching(self, callback):
        """Call *callback* for each change that the simulated API server stores."""
        end = self.sim.store.subscribe(callback)
        try:
            yield
        finally:
            end()

    # Passes

    def run_pass(self, text, **policy):
        """Run once as in a CronJob, with a new process, and store the result."""
        self.holder = f"pass-{len(self.passes)}"
        self.reborn()
        began = self.clock.now()
        try:
            done = Pass(report=self.apply(text, **policy), began=began)
        except Killed:
            done = Pass(error=Killed(), began=began)
        except ReconcilerError as error:
            done = Pass(error=error, began=began)
        self.passes.append(done)
        return done

    def end_state(self):
        """Return the KubeVirt CR, the sizes in specs and guests, and which VMs need a restart."""
        instances = {each["metadata"]["name"]: each for each in self.vmis()}
        spec = {**self.kubevirt()["spec"]}
        spec.pop("imageTag", None)
        vms = {}
        for vm in self.vms():
            name = vm["metadata"]["name"]
            vmi = instances.get(name)
            has = vmi and size(vmi["status"].get("memory", {}).get("guestCurrent"))
            vms[name] = (guest_of(vm), has, conditions(vm).get("RestartRequired"))
        return {"kubevirt": spec, **vms}

    def settled(self):
        """Return whether no migration is in progress in the simulated cluster."""
        unfinished = [
            each
            for each in self.sim.store.list("virtualmachineinstancemigrations.kubevirt.io")
            if each.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        ]
        return not unfinished


def _writes(method, path):
    return method in ("PATCH", "POST", "PUT") and "kubevirt.io/" in path


def guest_of(vm):
    return size(vm["spec"]["template"]["spec"]["domain"]["memory"].get("guest"))


def size(text):
    return None if text is None else str(MemoryQuantity.parse(text))


def conditions(thing):
    found = (thing.get("status") or {}).get("conditions") or ()
    return {each["type"]: each["status"] for each in found}


def stage_of(control):
    """Create a simulated cluster of three VMs with a given KubeVirt CR, and let it start."""
    vms = [{"name": name, "guest": "1Gi"} for name in (*VMS, "still")]
    document = {
        "apiVersion": "simulator/v1alpha1",
        "kind": "World",
        "kubevirt": control,
        "vms": vms,
        "bandwidth": "1Gi",
    }
    stage = Stage(Simulator(worlds.parse(document), clock=SimClock(scale=None)))
    if control is GATED:
        gone = {
            "developerConfiguration": {"featureGates": ["Snapshot"]},
            "vmRolloutStrategy": "Stage",
        }
        assert stage.ask("PATCH", CR_PATH, {"spec": {"configuration": gone}}) == 200
    stage.clock.sleep(15.0)
    return stage


def desired_of(control, guest="2Gi"):
    gates = "VMLiveUpdateFeatures" if control is GATED else "Snapshot"
    vms = "".join(vm_yaml("default", name, guest) for name in VMS)
    return vms + vm_yaml("default", "still", "1Gi") + CR.replace("GATE", gates)
