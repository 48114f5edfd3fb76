"""One of two `serve` replicas in separate processes fails, and they never write simultaneously.

The order of the requests in the API server's log shows who could write when, without a clock.
"""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from support.forked.forked_process import ForkedProcess
from support.served import Git, Served
from support.serving.gate import Gate, Way
from support.simulated import vm_yaml

from reconciler.app.execution.leases import SERVE_LEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMES = {
    "duration_s": 6,
    "renew_s": 1.0,
    "margin_s": 2.0,
    "request_s": 1.5,
    "again_s": 0.5,
    "release_s": 1.0,
}
"""Lease times that are shorter than usual, because a takeover waits for the lease to expire."""
PATIENCE_S = 500.0
"""A timeout in seconds that only a hanging test reaches."""
KILLED = -signal.SIGKILL
SERVE = "support.serving.serve_program:main"
NAMES = ("one", "two")
CONFIG = (
    "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: enforce\nrollout: {maxConcurrent: 1}\n"
)
VMS = ("a", "b", "c")
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/"


@dataclass
class Replica:
    """A ``serve`` process, its connection to the API server, and its lease holder identity."""

    name: str
    process: ForkedProcess
    gate: Gate
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@dataclass
class Pair:
    """A cluster with up to two ``serve`` replicas, and the requests that it received."""

    cluster: Served
    git: Git
    folder: Path
    stack: ExitStack
    changed: Event = field(default_factory=Event)
    replicas: list[Replica] = field(default_factory=list)

    def start(self, name: str) -> Replica:
        """Start a ``serve`` replica with its own user and its own connection to the API server."""
        port = int(self.cluster.url.rpartition(":")[2])
        gate = self.stack.enter_context(Gate(port))
        kubeconfig = self.folder / f"kubeconfig-{name}"
        kubeconfig.write_text(self.cluster.simulator.kubeconfig(gate.url, f"token-{name}"))
        log = self.folder / f"{name}.log"
        arguments = ("--repo", str(self.git), "--kubeconfig", str(kubeconfig))
        arguments += ("--interval", "1s", "--jitter", "1s", "--request-timeout", "3s")
        arguments += ("--listen", "127.0.0.1:0")
        with log.open("wb") as file:
            given = (json.dumps(TIMES), "-", *arguments)
            process = ForkedProcess(*given, program=SERVE, output=file)
        found = Replica(name, process, gate, log)
        self.replicas.append(found)
        self.stack.callback(found.kill)
        self.stack.callback(found.thaw)
        return found

    def commit(self, **sizes: str) -> None:
        texts = "".join(vm_yaml("default", name, sizes[name]) for name in sizes)
        self.git.commit({".reconciler.yaml": CONFIG, "vms.yaml": texts})

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until *happened* returns true after a change in the cluster."""
        ends_at = monotonic() + PATIENCE_S
        while not happened():
            ended = [each for each in self.replicas if each.process.poll() not in (None, KILLED)]
            late = self.replicas if monotonic() > ends_at else []
            logs = "".join(each.log.read_text() for each in (*ended, *late))
            assert not ended, what + logs
            assert not late, what + logs
            self.changed.wait(1.0)
            self.changed.clear()

    def history(self) -> Iterator[tuple[str, str]]:
        """Yield who wrote the leader's Lease or a VM, in the order of the requests."""
        created = False
        for each in list(self.cluster.simulator.request_log):
            if each.method == "GET" or each.status >= 300 or each.user not in NAMES:
                continue
            # The first Lease that is created is that of the leader; its name is in the body.
            first = each.path.endswith("/leases") and not created
            created = created or first
            if first or each.path == LEASES + SERVE_LEASE:
                yield "leads", each.user
            elif "/virtualmachines/" in each.path:
                yield "writes", each.user

    def waits(self, name: str) -> bool:
        """Return whether a standby replica has read the leader's Lease."""
        log = self.cluster.simulator.request_log
        path = LEASES + SERVE_LEASE
        return any((each.user, each.path) == (name, path) for each in list(log))

    def leader(self) -> str:
        """Return the replica that wrote the leader's Lease last."""
        return ([user for what, user in self.history() if what == "leads"] or [""])[-1]

    def sizes(self) -> list[str]:
        """Return the current memory of each guest."""
        return [
            self.cluster.vmi("default", each)["status"]["memory"]["guestCurrent"] for each in VMS
        ]

    def writers(self) -> list[str]:
        """Return the replicas that changed VMs, in order; each must have been the leader."""
        leader, found = "", []
        for what, user in self.history():
            if what == "leads":
                leader = user
            else:
                assert user == leader, f"{user} wrote while {leader or 'nobody'} was the leader"
                found.append(user)
        return found


@pytest.fixture
def pair(serve, git, tmp_path) -> Iterator[Pair]:
    tokens = {
        f"token-{each}": {"user": each, "groups": ["system:masters", "system:authenticated"]}
        for each in NAMES
    }
    vms = [{"name": each, "guest": "1Gi"} for each in VMS]
    cluster = serve("hotplug", vms=vms, tokens=tokens, scale=10.0)
    with ExitStack() as stack:
        found = Pair(cluster, git, tmp_path, stack)
        stack.callback(cluster.simulator.store.subscribe(lambda _: found.changed.set()))
        yield found


@contextmanager
def killed(replica: Replica) -> Iterator[None]:
    replica.kill()
    yield


@contextmanager
def frozen(replica: Replica) -> Iterator[None]:
    replica.freeze()
    yield
    replica.thaw()


@contextmanager
def cut_off(replica: Replica) -> Iterator[None]:
    replica.gate.set(Way.SILENT)
    yield
    replica.gate.set(Way.OPEN)


@pytest.mark.parametrize("fails", [killed, frozen, cut_off], ids=lambda each: each.__name__)
def test_second_replica_continues_the_rollout_and_both_replicas_never_write_simultaneously(
    fails, pair, record_property
):
    pair.commit(a="2Gi", b="2Gi", c="2Gi")
    release = pair.cluster.hold_migrations()
    one = pair.start("one")
    pair.until(lambda: "one" in pair.writers(), "the first replica writes nothing")
    assert pair.leader() == "one"
    pair.start("two")
    pair.until(lambda: pair.waits("two"), "the second replica does not read the Lease")
    with fails(one):
        began = monotonic()
        pair.until(lambda: pair.leader() == "two", "the second replica does not take over")
        record_property("takeover_s", round(monotonic() - began, 1))
    # The first replica works again, and its interrupted rollout still has two VMs to change.
    release()
    pair.until(lambda: pair.sizes() == ["2Gi"] * 3, "the rollout does not end")
    pair.commit(a="3Gi", b="3Gi", c="3Gi")
    pair.until(lambda: pair.sizes() == ["3Gi"] * 3, "the next commit is not applied")
    writers = pair.writers()
    assert writers == sorted(writers), "first only one, then only two"
    assert writers.count("one") == 1
    assert len(writers) == 6
