"""A world behind HTTP, a Git repository, and the commands themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.app.leases import CONFIG_LEASE, memory_lease
from reconciler.cli.main import main
from reconciler.model.shard import WHOLE_FLEET
from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.simulator.apiserver.request.http_messages import RequestRecord
    from reconciler.simulator.store.history import StoreEvent

MEMORY_LEASE = memory_lease(WHOLE_FLEET)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WORLDS = EXAMPLES / "worlds"
SCHEMAS = EXAMPLES.parent / "schemas"
SCALE = 20.0
"""Simulated seconds a real second: a hotplug takes about ten simulated ones."""
REVIEWS = "selfsubjectaccessreviews"
COMMAND = (sys.executable, "-c", "from reconciler.cli.main import entry; entry()")
"""The console script, whatever folder it is installed in."""
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
USUAL_START_S = 1.0
"""What a command takes to start and to send its first requests on a machine with nothing else."""
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A simulator that answers on 127.0.0.1, and a kubeconfig of its administrator."""

    simulator: Simulator
    url: str
    token: str
    kubeconfig: Path

    def ours(self, method: str = "", part: str = "") -> list[RequestRecord]:
        """What the product has sent, of one method, with *part* in the path."""
        return [
            each
            for each in self.simulator.request_log
            if each.user_agent.startswith("reconciler/")
            and each.method == (method or each.method)
            and part in each.path
        ]

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of everything the product has sent that could change something."""
        return [
            (each.method, each.path)
            for each in self.ours()
            if each.method not in _READS and REVIEWS not in each.path
        ]

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str
    ) -> tuple[int, Any]:
        """Ask in process, as another client would; status and decoded body of the answer."""
        kind = {"PATCH": "application/merge-patch+json"}.get(method, "application/json")
        given = {"content-type": kind, "user-agent": "somebody", **headers}
        if token:
            given["authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else b""
        answer = self.simulator.request(method, path, headers=given, body=data)
        return answer.status, json.loads(answer.body)

    def get(self, path: str) -> Any:
        """The object at *path*, which must be there."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return body

    def vmi(self, namespace: str, name: str) -> Any:
        """A running instance."""
        return self.get(
            f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
        )

    def lease(self, name: str = MEMORY_LEASE) -> Any:
        """A lease that runs take."""
        return self.get(f"{LEASES}/{name}")

    def orphaned(self, lasts_s: int = 1) -> None:
        """Let the leases of a run that was killed last *lasts_s*, as if it had asked for that."""
        for lease in self.get(LEASES)["items"]:
            if lease["metadata"]["name"] in (CONFIG_LEASE, MEMORY_LEASE):
                path = f"{LEASES}/{lease['metadata']['name']}"
                status, body = self.ask("PATCH", path, {"spec": {"leaseDurationSeconds": lasts_s}})
                assert status == 200, body

    def hold_migrations(self) -> Callable[[], None]:
        """Let no node take a target pod once a VM has changed, however slow the machine is.

        Returns:
            The function that lets the migrations go on.
        """
        store = self.simulator.store

        def cordon(*, on: bool) -> None:
            for key in list(store.keys("nodes")):
                store.mutate(key, lambda node: node["spec"].update(unschedulable=on))

        def changed(event: StoreEvent) -> None:
            if event.key.resource == "virtualmachines.kubevirt.io":
                cordon(on=True)

        end = store.subscribe(changed)

        def release() -> None:
            end()
            cordon(on=False)

        return release

    def credentials(self, path: Path, token: str) -> Path:
        """Write a kubeconfig that holds *token*."""
        path.write_text(self.simulator.kubeconfig(self.url, token))
        return path


@contextmanager
def serving(
    kubeconfig: Path, world: str, *, scale: float = SCALE, **changes: Any
) -> Iterator[Served]:
    """Serve the example *world*; *changes* replace top-level keys of its file."""
    document = yaml.safe_load((WORLDS / f"{world}.yaml").read_text()) | changes
    simulator = Simulator(worlds.parse(document), clock=SimClock(scale=scale))
    with simulator.serve() as server:
        kubeconfig.write_text(simulator.kubeconfig(server.url, server.token))
        yield Served(
            simulator=simulator, url=server.url, token=server.token, kubeconfig=kubeconfig
        )


class Git:
    """A repository to commit to, kept apart from the configuration of whoever runs the tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self("init", "--quiet", "--initial-branch=main")

    def __call__(self, *arguments: str) -> str:
        """Run git, and answer with what it printed."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def __str__(self) -> str:
        """The path, as an argument."""
        return str(self.path)

    def commit(self, files: Mapping[str, str]) -> str:
        """Write *files*, commit everything, and answer with the hash."""
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "--message=change")
        return self("rev-parse", "HEAD")


def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep options, kubeconfigs and Git settings of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith(("GIT_", "RECONCILER_")) or name in {"KUBECONFIG", "SSH_ASKPASS"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed as its result."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Command:
    """Runs a command in this process."""

    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object, on: Served | None = None) -> Ended:
        """Run ``reconciler ARGUMENTS``, against the cluster *on* unless they name another."""
        given = [str(each) for each in arguments]
        if on is not None:
            given += ["--kubeconfig", str(on.kubeconfig)]
        self.captured.readouterr()
        code = main(given)
        out, err = self.captured.readouterr()
        return Ended(code=code, out=out, err=err)


class Process(subprocess.Popen[str]):
    """A process that knows when it started."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.began = monotonic()
        super().__init__(*arguments, **options)

    def slowness(self) -> float:
        """How slow this machine is now: seconds since the start, where a second is usual.

        A test multiplies its longest times by it, since a busy machine is slow at everything.
        """
        return max(1.0, (monotonic() - self.began) / USUAL_START_S)


def without_clock_warnings(messages: str) -> str:
    """The *messages* of a command without those about this machine's clock.

    The cluster's time runs faster than real time, so a process that starts slowly warns of it.
    """
    lines = messages.splitlines(keepends=True)
    return "".join(line for line in lines if "this machine's clock is" not in line)


@contextmanager
def process(*arguments: object) -> Iterator[Process]:
    """A command in a process of its own, which does not outlive the block."""
    started = Process(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


def line_with(stream: IO[str] | None, words: str) -> str:
    """The first line with *words* in it; waits for it, and reads past the others."""
    assert stream is not None
    seen = []
    for line in stream:
        if words in line:
            return line
        seen.append(line)
    raise AssertionError(f"no line with {words!r} in {''.join(seen)}")
