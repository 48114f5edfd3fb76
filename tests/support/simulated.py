"""``Rig``: runs the product in process with a simulated cluster whose clock tests advance."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import yaml
from support.builders import PlanPolicy
from support.fake_ports import DirectRecorder

from reconciler.app.read_and_plan import plan_against_cluster
from reconciler.cluster.api import retry
from reconciler.cluster.api.client import Client
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.model.clock_difference import ClockDifference
from reconciler.model.run.progress import Progress, Step
from reconciler.prometheus.no_prometheus import NoPrometheus
from reconciler.rollout import run
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.run_context import RunContext
from reconciler.rollout.writes import write_pause
from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds
from reconciler.source.readers import StreamReader

if TYPE_CHECKING:
    from reconciler.model.run.outcome import Outcome, RunReport

WORLDS = Path(__file__).resolve().parents[2] / "examples" / "worlds"


def simulator(world: str, **changes) -> Simulator:
    """Return the simulated example cluster *world*; *changes* replace top-level keys."""
    world = worlds.parse(_document(world) | changes) if changes else _world(world)
    return Simulator(world, clock=SimClock(scale=None, epoch=world.starts_at))


@cache
def _world(name: str):
    return worlds.parse(_document(name))


@cache
def _document(name: str):
    return yaml.load((WORLDS / f"{name}.yaml").read_bytes(), Loader=yaml.CSafeLoader)


def in_turn(ask, *arguments, **named):
    """Make a call synchronously, in place of ``threads.start``, because threads cost more."""
    future: Future = Future()
    try:
        future.set_result(ask(*arguments, **named))
    except Exception as error:  # noqa: BLE001 - raised where the result is read
        future.set_exception(error)
    return future


class SteppedClock:
    """The simulator's clock, which advances only when the tested code sleeps."""

    scale = 1.0

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.slept: Callable[[], object] = lambda: None
        """Called after each sleep, for example to renew the lease of another rollout."""

    def now(self):
        return self.sim.clock.now()

    def monotonic(self) -> float:
        return self.sim.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self.sim.engine.step(seconds)
        self.slept()


class InProcessApi:
    """Replaces the kubernetes library's ApiClient with direct calls to the simulator."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self.configuration = SimpleNamespace(host="http://in-process")
        self.user_agent = ""

    def close(self) -> None:
        pass

    def param_serialize(self, method, path, *, query_params, header_params, body, **_rest):
        return method, path, query_params, header_params, body

    def call_api(self, method, path, query, headers, body, **_rest):
        answer = self._sim.request(
            method,
            unquote(path),
            query=tuple((key, str(value)) for key, value in query),
            headers=headers | {"user-agent": self.user_agent},
            body=json.dumps(body).encode() if body is not None else b"",
        )
        return SimpleNamespace(response=_Response(answer))


class _Response:
    def __init__(self, answer) -> None:
        self.status = answer.status
        self.reason = ""
        self.headers = _Headers(answer.headers)
        self._unread = io.BytesIO(answer.body)

    def read1(self, amount, **_options):
        return self._unread.read(amount)

    def release_conn(self) -> None:
        pass


class _Headers(dict):
    def __init__(self, headers) -> None:
        pairs = list(headers.items() if hasattr(headers, "items") else headers)
        super().__init__({name.lower(): value for name, value in pairs})
        self._pairs = pairs

    def get(self, name, default=None):
        return super().get(name.lower(), default)

    def getlist(self, name):
        return [value for key, value in self._pairs if key.lower() == name.lower()]


UNREAD = {"leases.coordination.k8s.io", "events", "pods", "resourcequotas"}
"""The resources whose changes do not cause an informer to list objects."""


class PolledInformer:
    """An informer without threads: waiting advances simulated time and polls for changes."""

    def __init__(self, client: Client, clock: SteppedClock) -> None:
        self._reader = ClusterReader(client, clock=clock, start=in_turn)
        self._clock = clock
        self._capacity = None
        self._last = None
        self._changed = False
        """Whether an object has changed since the last full read."""
        clock.sim.store.subscribe(self._note)

    def _note(self, event) -> None:
        if event.key.resource not in UNREAD:
            self._changed = True

    def __enter__(self):
        return self

    def __exit__(self, *_error) -> None:
        pass

    def restart(self):
        """Discard all cached cluster state, as a new process would."""
        self._capacity = self._last = None

    def read(self):
        """Return the current cluster state; list objects only if an object has changed."""
        if self._last is None or self._changed:
            self._changed = False
            try:
                self._last = self._reader.read()
            except BaseException:
                self._changed = True
                raise
        return replace(self._last, observed_at=self._clock.now(), capacity=self._capacity)

    def capacity(self):
        self._capacity = self._reader.capacity()
        return self._capacity

    def outage(self) -> None:
        """Return None, because no outage lasts longer than one request in this test."""

    def refresh_capacity(self, _wait_s: float = 0.0):
        """Read pods and quotas synchronously, because this informer has no threads."""
        return self.capacity()

    def wait(self, timeout_s: float):
        """Wait for a change or the timeout, checking every half second; return the state."""
        left_s = timeout_s
        while left_s > 0 and not (self._changed and left_s < timeout_s):
            self._clock.sleep(min(left_s, 0.5))
            left_s -= 0.5
        return self.read()


class ActOnStep(list):
    """Stores the progress steps of a rollout; calls *act* at the first step named *step*."""

    def __init__(self, step: Step, act: Callable[[], object], name: str = "") -> None:
        super().__init__()
        self._step, self._act, self._name = step, act, name
        self.acted = False

    def append(self, progress) -> None:
        super().append(progress)
        named = not self._name or (progress.ref and progress.ref.name == self._name)
        if not self.acted and progress.step is self._step and named:
            self.acted = True
            self._act()


@dataclass
class Rig:
    """A simulated cluster and all interfaces that a rollout needs."""

    sim: Simulator
    progress: list[Progress] = field(default_factory=list)
    stop: bool = False
    ended_by: str = ""
    """The reason why the rollout must end although no signal arrived."""
    commit: str = ""
    """The commit of the desired state; if empty, the desired state comes from no commit."""
    lease_times: LeaseTimes | None = None
    holder: str = "test-run"
    """The holder identity of the rollout's leases."""
    clock_difference: Callable[[], ClockDifference | None] = lambda: None
    """Returns the times of two clocks if they differ by minutes, or None."""
    writer: type[ClusterWriter] = ClusterWriter

    def __post_init__(self) -> None:
        for each in (retry, write_pause):
            each._RANDOM.seed(0)  # the same pauses in each run of a test
        self.clock = SteppedClock(self.sim)
        self.client = Client(InProcessApi(self.sim), clock=self.clock)
        self.informer = PolledInformer(self.client, self.clock)

    def desired(self, text: str):
        """Parse the desired state from the YAML string *text*."""
        state = StreamReader([("desired.yaml", text.encode())]).read().state
        return replace(state, revision=self.commit or state.revision)

    def plan(self, text: str, **policy):
        """Return the plan for the manifests *text* and the current cluster state."""
        self.informer.restart()
        return plan_against_cluster(
            self.desired(text), self.informer, PlanPolicy(**policy), self.clock
        )[1]

    def apply(self, text: str, *, choices: PlanPolicy | None = None, **policy):
        """Run one complete rollout, as the apply command does."""
        choices = choices or PlanPolicy()
        paced = [key for key in policy if key in PlanPolicy.__dataclass_fields__]
        choices = replace(choices, **{key: policy.pop(key) for key in paced})
        desired = self.desired(text)
        self.informer.restart()
        _, plan = plan_against_cluster(desired, self.informer, choices, self.clock)
        with self.lease("test-config") as config_lease, self.lease("test-memory") as memory_lease:
            context = RunContext(
                informer=self.informer,
                writer=self.writer(self.client),
                config_lease=config_lease,
                memory_lease=memory_lease,
                clock=self.clock,
                recorder=DirectRecorder(
                    self.client, clock=self.clock, instance="test-run", revision="test-commit"
                ),
                listener=self.progress.append,
                alerts=NoPrometheus(self.clock),
                stopping=lambda: "a signal ended the run" if self.stop else self.ended_by,
                clock_difference=self.clock_difference,
            )
            return run.run(
                plan,
                desired,
                choices,
                RolloutPolicy(**policy),
                context,
                run_id="test-run",
            )

    def lease(self, name: str) -> ClusterLease:
        """Return a Lease of the cluster that is not acquired yet."""
        return ClusterLease(
            self.client,
            clock=self.clock,
            namespace=self.sim.world.kubevirt_namespace,
            name=name,
            holder=self.holder,
            times=self.lease_times,
        )

    def patches(self) -> list[str]:
        """Return the paths of all patches that the product sent, in order."""
        return [
            each.path
            for each in self.sim.request_log
            if each.method == "PATCH" and each.user_agent.startswith("reconciler/")
        ]

    def create_vm(self, namespace: str, name: str, guest: str) -> None:
        """Create a running VM as another client, and let it boot."""
        template = {"spec": {"domain": {"memory": {"guest": guest}, "devices": {}}}}
        manifest = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"runStrategy": "Always", "template": template},
        }
        answer = self.sim.request(
            "POST",
            f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines",
            headers={"content-type": "application/json"},
            body=json.dumps(manifest).encode(),
        )
        assert answer.status == 201, answer.body
        self.clock.sleep(30.0)

    def merge(self, path: str, change: dict, *, agent: str) -> int:
        """Send the merge patch *change* as another client, and return the response status."""
        headers = {"content-type": "application/merge-patch+json", "user-agent": agent}
        body = json.dumps(change).encode()
        return self.sim.request("PATCH", path, headers=headers, body=body).status

    def vmi(self, namespace: str, name: str) -> dict:
        """Return the VirtualMachineInstance as the API shows it."""
        path = f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
        return json.loads(self.sim.request("GET", path).body)


def vm_yaml(namespace: str, name: str, guest: str, **metadata: dict[str, str]) -> str:
    """Return a VM manifest with only metadata and a memory size.

    Args:
        metadata: The ``labels`` and ``annotations`` of the VM.
    """
    more = "".join(f", {key}: {json.dumps(value)}" for key, value in metadata.items())
    return f"""\
---
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {{name: {name}, namespace: {namespace}{more}}}
spec: {{template: {{spec: {{domain: {{memory: {{guest: {guest}}}}}}}}}}}
"""


def rig(world: str = "hotplug", **changes: Any) -> Rig:
    """Return a rig for the example cluster *world*; *changes* replace top-level keys."""
    return Rig(simulator(world, **changes))


def only(report: RunReport) -> Outcome:
    """Return the outcome of the only object in *report*."""
    (outcome,) = report.outcomes
    return outcome
