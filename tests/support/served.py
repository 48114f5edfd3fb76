"""Serves a simulated cluster over HTTP, creates Git repositories, and runs commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
import yaml
from support.forked.forked_process import ForkedProcess

from reconciler.app.execution.leases import CONFIG_LEASE, memory_lease
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
"""Simulated seconds per real second; a hotplug takes about ten simulated seconds."""
REVIEWS = "selfsubjectaccessreviews"
COMMAND = (
    sys.executable,
    "-c",
    "import sys; sys.modules['rfc3987_syntax'] = None; import reconciler.cli.main as m; m.entry()",
)
"""The command line that starts ``reconciler``, independent of where it is installed.

It blocks the import of a package that only a development tool needs, because jsonschema takes
1.5 s to import it.
"""
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A simulated cluster served on 127.0.0.1, and a kubeconfig for its administrator."""

    simulator: Simulator
    url: str
    token: str
    kubeconfig: Path

    def ours(self, method: str = "", part: str = "") -> list[RequestRecord]:
        """Return the product's API requests that use *method* and have *part* in the path."""
        return [
            each
            for each in self.simulator.request_log
            if each.user_agent.startswith("reconciler/")
            and each.method == (method or each.method)
            and part in each.path
        ]

    def writes(self) -> list[tuple[str, str]]:
        """Return method and path of each of the product's API requests that can change data."""
        return [
            (each.method, each.path)
            for each in self.ours()
            if each.method not in _READS and REVIEWS not in each.path
        ]

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str
    ) -> tuple[int, Any]:
        """Send an API request in process as another client; return its status and body."""
        kind = {"PATCH": "application/merge-patch+json"}.get(method, "application/json")
        given = {"content-type": kind, "user-agent": "somebody", **headers}
        if token:
            given["authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else b""
        answer = self.simulator.request(method, path, headers=given, body=data)
        return answer.status, json.loads(answer.body)

    def get(self, path: str) -> Any:
        """Return the API object at *path*, which must exist."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return body

    def vmi(self, namespace: str, name: str) -> Any:
        """Return the VirtualMachineInstance of a running VM."""
        return self.get(
            f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
        )

    def lease(self, name: str = MEMORY_LEASE) -> Any:
        """Return a Lease that rollouts use."""
        return self.get(f"{LEASES}/{name}")

    def orphaned(self, lasts_s: int = 1) -> None:
        """Let leases that a killed rollout still holds expire after *lasts_s* seconds."""
        for lease in self.get(LEASES)["items"]:
            if lease["metadata"]["name"] in (CONFIG_LEASE, MEMORY_LEASE):
                path = f"{LEASES}/{lease['metadata']['name']}"
                status, body = self.ask("PATCH", path, {"spec": {"leaseDurationSeconds": lasts_s}})
                assert status == 200, body

    def hold_migrations(self) -> Callable[[], None]:
        """Cordon all nodes as soon as a VM changes, so that its migration cannot start.

        Returns:
            A function that lets the migration continue.
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
        """Write a kubeconfig that authenticates with *token* to *path*."""
        path.write_text(self.simulator.kubeconfig(self.url, token))
        return path


@contextmanager
def serving(
    kubeconfig: Path, world: str, *, scale: float = SCALE, **changes: Any
) -> Iterator[Served]:
    """Serve the example cluster *world*; *changes* replace top-level keys of its world file."""
    document = yaml.safe_load((WORLDS / f"{world}.yaml").read_text()) | changes
    simulator = Simulator(worlds.parse(document), clock=SimClock(scale=scale))
    with simulator.serve() as server:
        kubeconfig.write_text(simulator.kubeconfig(server.url, server.token))
        yield Served(
            simulator=simulator, url=server.url, token=server.token, kubeconfig=kubeconfig
        )


_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[user]
\tname = Somebody
\temail = somebody@example.com
[maintenance]
\tauto = false
"""
"""The settings of a test repository; a check for garbage would take half the time of a commit."""


class Git:
    """A Git repository for tests, independent of the developer's Git configuration."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        # What git init writes, without its process and without sample hooks.
        for name in ("objects", "refs/heads", "refs/tags"):
            (path / ".git" / name).mkdir(parents=True)
        (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        (path / ".git" / "config").write_text(_CONFIG)

    def __call__(self, *arguments: str) -> str:
        """Run a git command in the repository, and return its output."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def __str__(self) -> str:
        """Return the path of the repository as a command argument."""
        return str(self.path)

    def commit(self, files: Mapping[str, str]) -> str:
        """Write *files* to the repository, commit all changes, and return the commit hash."""
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "--message=change")
        head = (self.path / ".git" / "HEAD").read_text().strip()
        if head.startswith("ref: "):  # the commit has written this file
            head = (self.path / ".git" / head.removeprefix("ref: ")).read_text().strip()
        return head


def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the developer's kubeconfig, Git and proxy settings from the environment."""
    for name in os.environ:
        foreign = name.startswith(("GIT_", "RECONCILER_")) or name.lower().endswith("_proxy")
        if foreign or name in {"KUBECONFIG", "SSH_ASKPASS"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The exit code and the output of a finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Parse the JSON result that the command printed."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Command:
    """Runs ``reconciler`` commands in this process."""

    captured: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object, on: Served | None = None) -> Ended:
        """Run ``reconciler ARGUMENTS`` on the cluster *on*, unless an argument overrides it."""
        given = [str(each) for each in arguments]
        if on is not None:
            given += ["--kubeconfig", str(on.kubeconfig)]
        self.captured.readouterr()
        code = main(given)
        out, err = self.captured.readouterr()
        return Ended(code=code, out=out, err=err)


def without_clock_warnings(messages: str) -> str:
    """Return the *messages* of a command except warnings about this machine's clock.

    Simulated time runs faster than real time, so a process that starts slowly logs such a
    warning.
    """
    lines = messages.splitlines(keepends=True)
    return "".join(line for line in lines if "this machine's clock is" not in line)


@contextmanager
def process(*arguments: object) -> Iterator[ForkedProcess]:
    """Start a command in its own process, and stop it when the ``with`` block ends."""
    with ForkedProcess(*arguments) as started:
        try:
            yield started
        finally:
            started.kill()


def line_with(stream: IO[str] | None, words: str) -> str:
    """Skip output lines until a line contains *words*, and return that line."""
    assert stream is not None
    seen = []
    for line in stream:
        if words in line:
            return line
        seen.append(line)
    raise AssertionError(f"no line with {words!r} in {''.join(seen)}")
