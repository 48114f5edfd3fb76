"""Tests that the next ``reconcile`` process completes the rollout of a killed process."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from faults.judging import undisturbed
from faults.one_pass import one_pass
from faults.stage import DEFAULT, LEASES, VMS, Stage, desired_of, guest_of, vm_path
from faults.steps import STEPS, Changed
from faults.table import ALIKE
from support.forked.forked_process import ForkedProcess
from support.served import Git, plain_environment

from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

SCALE = 40.0
"""Simulated seconds per real second."""


@dataclass(frozen=True)
class Request:
    """The *nth* request of the product with a given method and with *part* in its path."""

    method: str
    part: str
    nth: int = 1
    when: str = "asked"


CR = "/kubevirts/kubevirt"
INSTANTS = {
    "first request": Request("GET", ""),
    "lists": Request("GET", "/virtualmachines"),
    "config lease requested": Request("POST", "/leases"),
    "config lease taken": Request("POST", "/leases", when="answered"),
    "memory lease taken": Request("POST", "/leases", 2, "answered"),
    "strategy patch": Request("PATCH", CR),
    "strategy patched": Request("PATCH", CR, when="answered"),
    **{f"{name} patch": Request("PATCH", vm_path(name)) for name in VMS},
    **{f"{name} patched": Request("PATCH", vm_path(name), when="answered") for name in VMS},
    "event": Request("POST", "/events", 2),
    "lease renewed": Request("PUT", "/leases", 1, "answered"),
    **{
        step.name: step.moment
        for step in STEPS["default"][1:]
        if isinstance(step.moment, Changed) and step.name not in ALIKE["default"]
    },
}


@dataclass
class Served:
    """A simulated cluster over HTTP, and the arguments with which a process connects."""

    simulator: Simulator
    kubeconfig: str
    repo: str

    def begin(self):
        """Start a process that runs ``reconcile`` once."""
        now = self.simulator.clock.now().isoformat()
        given = (self.repo, self.kubeconfig, now, str(SCALE))
        return ForkedProcess(*given, program="faults.one_pass:main")

    def pass_here(self):
        """Run ``reconcile`` once in this process, and return its exit code."""
        return one_pass(self.repo, self.kubeconfig, self.simulator.clock.now(), SCALE)

    def kill_at(self, instant, process):
        """Kill *process* when the simulated API server receives the request *instant*."""
        killed = []

        def kill():
            if not killed:
                killed.append(instant)
                os.kill(process().pid, signal.SIGKILL)

        if isinstance(instant, Changed):
            self._at_change(instant, kill)
        else:
            self._at_request(instant, kill)
        return killed

    def _at_change(self, instant, kill):
        view = Stage(self.simulator)

        def change(event):
            if event.key.resource != instant.resource or event.type == "DELETED":
                return
            if instant.seen(view, json.loads(event.body)):
                kill()

        self.simulator.store.subscribe(change)

    def _at_request(self, instant, kill):
        seen = []
        handle = self.simulator.api.handle

        def handled(request):
            ours = request.header("user-agent").startswith("reconciler/")
            hit = ours and request.method == instant.method and instant.part in request.path
            if hit:
                seen.append(request.path)
            now = hit and len(seen) == instant.nth
            if now and instant.when == "asked":
                kill()
            answer = handle(request)
            if now and instant.when == "answered":
                kill()
            return answer

        self.simulator.api.handle = handled

    def free_leases(self):
        """Delete the Leases of killed runs, as an operator who does not want to wait would."""
        for lease in self.simulator.store.list("leases.coordination.k8s.io"):
            path = f"{LEASES}/{lease['metadata']['name']}"
            assert self.simulator.request("DELETE", path).status == 200


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        plain_environment(patch)
        git = Git(tmp_path_factory.mktemp("git") / "repo")
        config = "apiVersion: reconciler/v1alpha1\nkind: Config\nrollout: {maxConcurrent: 1}\n"
        git.commit({"all.yaml": desired_of(DEFAULT), ".reconciler.yaml": config})
    return git


@pytest.fixture
def served(repo, tmp_path):
    document = {
        "apiVersion": "simulator/v1alpha1",
        "kind": "World",
        "kubevirt": DEFAULT,
        "vms": [{"name": name, "guest": "1Gi"} for name in (*VMS, "still")],
        "bandwidth": "1Gi",
    }
    simulator = Simulator(worlds.parse(document), clock=SimClock(scale=SCALE))
    with simulator.serve() as server:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(simulator.kubeconfig(server.url, server.token))
        yield Served(simulator, str(kubeconfig), str(repo))


@contextmanager
def sizes_written(simulator):
    """Return the memory sizes that any client wrote to each VM, in order."""
    found = {name: [] for name in VMS}

    def change(event):
        if event.key.resource == "virtualmachines.kubevirt.io" and event.previous:
            had, has = (guest_of(json.loads(each)) for each in (event.previous, event.body))
            if had != has:
                found[event.key.name].append(has)

    end = simulator.store.subscribe(change)
    yield found
    end()


@pytest.mark.parametrize("name", INSTANTS)
def test_next_reconcile_process_completes_the_rollout_of_a_killed_process(
    name, served, tally, capsys
):
    expected = undisturbed("default")
    with sizes_written(served.simulator) as written:
        started = []
        killed = served.kill_at(INSTANTS[name], lambda: started[0])
        started.append(served.begin())
        with started[0] as first:
            said = "".join(first.communicate())
        assert killed, said
        assert first.returncode == -signal.SIGKILL, said
        tally("injected")
        served.free_leases()
        assert served.pass_here() == 0, capsys.readouterr()
    assert Stage(served.simulator).end_state() == expected
    assert written == {vm: ["2Gi"] for vm in VMS}
    tally("survived")
