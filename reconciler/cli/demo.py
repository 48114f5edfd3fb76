"""``reconciler demo``: two stories on the embedded cluster, over HTTP, with the real commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from reconciler.cli import options, screen, wiring
from reconciler.cli.cluster import Served
from reconciler.cli.exits import ended
from reconciler.cli.options import TextFormat
from reconciler.errors import ReconcilerError
from reconciler.model.outcome import ExitCode
from reconciler.ports import Clock

Keep = Annotated[
    bool, typer.Option("--keep", help="Leave the second story's cluster up, to look at it.")
]
Scale = Annotated[
    float, typer.Option("--time-scale", min=1.0, max=60.0, help="Simulated seconds a real second.")
]

WHAT_IS_SIMULATED = """\
The cluster is simulated: an API server on 127.0.0.1 with KubeVirt's admission, controllers and
migrations behind it, as recorded from real ones, at {scale:.0f} times the speed. There is no
hypervisor and no guest. Git, HTTP and every reconciler command below are real.
"""


def command(
    keep: Keep = False,
    time_scale: Scale = 20.0,
    verbose: options.Verbose = 0,
    log_format: options.LogFormat = TextFormat.TEXT,
) -> None:
    """The whole story on an embedded cluster; needs nothing but git."""
    screen.logging(log_format, verbose)

    def run() -> ExitCode:
        screen.result(WHAT_IS_SIMULATED.format(scale=time_scale))
        with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as folder:
            _walkthrough(Path(folder), time_scale)
            _fleet(Path(folder), time_scale, keep=keep)
        return ExitCode.DONE

    raise typer.Exit(ended(run, sys.stderr))


def examples() -> Path:
    """The folder ``examples``, of the installed package or of the checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "examples"
    return inside if inside.is_dir() else package.parent / "examples"


def _walkthrough(folder: Path, scale: float) -> None:
    """KubeVirt v1.3.1, as the walk-through of memory hotplug finds it."""
    with _stage(folder, "walkthrough", scale) as stage:
        stage.title("Story one: KubeVirt v1.3.1, before anybody set memory hotplug up")
        stage.say(
            "Git names the feature gate, both strategies, and 2Gi for vm-cirros, which has been",
            "running with 1Gi for a while.",
        )
        stage.commit("kubevirt.yaml", "vm-cirros.yaml")
        stage.plan()
        stage.apply(ExitCode.BLOCKED)
        stage.say(
            "The gate and the strategies are in force. Somebody creates vm-alpine with 1Gi, and",
            "Git asks for 2Gi.",
        )
        stage.create_vm("vm-alpine.yaml")
        stage.commit("vm-alpine.yaml", guest=("1Gi", "2Gi"))
        stage.plan()
        stage.apply(ExitCode.BLOCKED)
        stage.show_memory("default", "vm-alpine")


def _fleet(folder: Path, scale: float, *, keep: bool) -> None:
    """KubeVirt v1.9.0, and a VM for every effect."""
    with _stage(folder, "fleet", scale) as stage:
        stage.title("Story two: KubeVirt v1.9.0, and some twenty VMs")
        stage.say(
            "No gate is needed any more. One VM's migrations fail, another's hypervisor refuses",
            "the memory, a third's guest ignores it; the report tells them apart.",
        )
        stage.commit(".reconciler.yaml", "kubevirt.yaml", "vms")
        stage.plan()
        stage.apply(ExitCode.FAILED, deadline_s=360.0)
        if keep:
            stage.keep()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """One story: its repository, its cluster and its clock."""

    source: Path
    """The example that the repository is made of."""
    repository: Path
    kubeconfig: Path
    served: Served
    clock: Clock
    scale: float

    def title(self, text: str) -> None:
        screen.result(f"\n{text}\n{'=' * len(text)}\n\n")

    def say(self, *lines: str) -> None:
        screen.result("".join(f"# {line}\n" for line in lines) + "\n")

    def commit(self, *names: str, guest: tuple[str, str] | None = None) -> None:
        """Copy *names* from the example into the repository, and commit them."""
        for name in names:
            target = self.repository / name
            if (self.source / name).is_dir():
                shutil.copytree(self.source / name, target)
                continue
            text = (self.source / name).read_text()
            if guest is not None:
                text = text.replace(f"guest: {guest[0]}", f"guest: {guest[1]}")
            target.write_text(text)
        _git(self.repository, "add", "--all")
        _git(self.repository, "commit", "--quiet", "--message", f"Set {', '.join(names)}")

    def plan(self) -> None:
        from reconciler.cli import plan  # noqa: PLC0415 - keeps --help fast

        screen.result(f"$ reconciler plan --repo {self.repository.name}\n\n")
        asked = plan.PlanOptions(source=self._source(), cluster=self._cluster())
        plan.run(asked, self.clock)
        screen.result("")

    def apply(self, expected: ExitCode, deadline_s: float | None = None) -> None:
        """Run a real apply.

        Raises:
            ReconcilerError: It did not end as the story has it.
        """
        from reconciler.cli import applying  # noqa: PLC0415 - keeps --help fast

        limit = f" --deadline {deadline_s / 60:.0f}m" if deadline_s else ""
        screen.result(f"$ reconciler apply --repo {self.repository.name}{limit}\n\n")
        asked = applying.ApplyOptions(
            source=self._source(),
            cluster=self._cluster(),
            deadline_s=deadline_s,
            show_plan=False,
        )
        code = applying.run(asked, self.clock)
        screen.result("")
        if code is not expected:
            raise ReconcilerError(
                f"the demo's apply ended with {code.name.lower()} ({code.value}), "
                f"not with {expected.name.lower()} ({expected.value})"
            )

    def create_vm(self, name: str) -> None:
        """Create a VM as a person would, and wait until it can be migrated."""
        from reconciler.source.readers import StreamReader  # noqa: PLC0415 - keeps --help fast

        text = (self.source / name).read_bytes()
        (vm,) = StreamReader([(name, text)]).read().state.vms.values()
        collection = f"/apis/kubevirt.io/v1/namespaces/{vm.ref.namespace}"
        body = json.dumps(vm.manifest).encode()
        self._ask("POST", f"{collection}/virtualmachines", body)
        path = f"{collection}/virtualmachineinstances/{vm.ref.name}"
        while not _migratable(self._ask("GET", path)):
            self.clock.sleep(1.0)

    def show_memory(self, namespace: str, name: str) -> None:
        path = f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
        memory = self._ask("GET", path)["status"]["memory"]
        screen.result(f"$ kubectl get vmi {name} -o json | jq .status.memory")
        screen.result(json.dumps(memory, indent=2, sort_keys=True) + "\n")

    def keep(self) -> None:
        """Leave the cluster up until the person has seen enough."""
        from reconciler.cli.signals import stop_on_signals  # noqa: PLC0415 - rarely needed

        self.say(
            "The cluster stays up until Ctrl-C. Look at it with:",
            f"  export KUBECONFIG={self.kubeconfig}",
            "  kubectl get vm,vmi,vmim -A",
            "  kubectl describe vm -n lab flaky",
            "  kubectl get vmi -A -w",
        )
        with stop_on_signals() as stop:
            while not stop.asked:
                self.clock.sleep(1.0)

    def _ask(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        """Ask the API server as another person would, not through the reconciler."""
        headers = {"content-type": "application/json", "user-agent": "kubectl"}
        answer = self.served.simulator.request(method, path, headers=headers, body=body)
        found: dict[str, Any] = json.loads(getattr(answer, "body", b"{}"))
        return found

    def _source(self) -> wiring.SourceOptions:
        return wiring.SourceOptions(repo=str(self.repository))

    def _cluster(self) -> wiring.ClusterOptions:
        return wiring.ClusterOptions(kubeconfig=str(self.kubeconfig), time_scale=self.scale)


@contextmanager
def _stage(folder: Path, name: str, scale: float) -> Iterator[_Stage]:
    from reconciler.cli.cluster import served, write_kubeconfig  # noqa: PLC0415 - starts a server

    repository = folder / name
    repository.mkdir()
    _git(repository, "init", "--quiet", "--initial-branch", "main")
    with served(examples() / "worlds" / f"{name}.yaml", time_scale=scale) as running:
        kubeconfig = folder / f"{name}.kubeconfig"
        write_kubeconfig(running, kubeconfig)
        yield _Stage(
            source=examples() / name,
            repository=repository,
            kubeconfig=kubeconfig,
            served=running,
            clock=wiring.scaled_clock(running.simulator.clock.now(), scale),
            scale=scale,
        )


def _migratable(vmi: dict[str, Any]) -> bool:
    """Whether KubeVirt has said so; before it exists, the answer is a Status of kind Failure."""
    if vmi["kind"] != "VirtualMachineInstance":
        return False
    conditions = vmi.get("status", {}).get("conditions", [])
    return any(
        each["type"] == "LiveMigratable" and each["status"] == "True" for each in conditions
    )


def _git(folder: Path, *arguments: str) -> None:
    """Run git as somebody with a name, whatever this machine's configuration says."""
    who = (
        "-c",
        "user.name=Demo",
        "-c",
        "user.email=demo@example.com",
        "-c",
        "commit.gpgsign=false",
    )
    git = shutil.which("git")
    if git is None:
        raise ReconcilerError("git is not installed", hint="install git")
    command = [git, "-C", str(folder), *who, *arguments]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - fixed arguments
    if done.returncode:
        raise ReconcilerError(f"git {arguments[0]} failed: {done.stderr.decode().strip()}")
