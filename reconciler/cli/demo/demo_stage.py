"""``Stage``: the temporary repository, simulated cluster and fast clock of a demo scenario."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler import input_files
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.app.wiring import clock_wiring, source_wiring
from reconciler.cli.commands.cluster import Served
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.errors import ReconcilerError
from reconciler.escaping import printable, printable_lines
from reconciler.model.run.outcome import ExitCode
from reconciler.ports import Clock


def examples() -> Path:
    """Return the ``examples`` directory of the installed package or of the Git checkout."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "examples"
    return inside if inside.is_dir() else package.parent / "examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The repository, the cluster and the clock of one demo scenario."""

    source: Path
    """The example directory from which files are copied into the repository."""
    repository: Path
    kubeconfig: Path
    served: Served
    clock: Clock
    scale: float

    def title(self, text: str) -> None:
        """Print a heading with an underline."""
        line = printable(text)
        screen.result(f"\n{line}\n{'=' * len(line)}\n\n")

    def say(self, *lines: str) -> None:
        """Print explanatory text between the commands."""
        screen.result("".join(f"# {printable(line)}\n" for line in lines) + "\n")

    def commit(self, *names: str, guest: tuple[str, str] | None = None) -> None:
        """Copy files from the example directory into the repository, and commit them."""
        for name in names:
            target = self.repository / name
            if (self.source / name).is_dir():
                shutil.copytree(self.source / name, target, symlinks=True)
                continue
            text = input_files.read(self.source / name).decode()
            if guest is not None:
                text = text.replace(f"guest: {guest[0]}", f"guest: {guest[1]}")
            target.write_text(text)
        _git(self.repository, "add", "--all")
        _git(self.repository, "commit", "--quiet", "--message", f"Set {', '.join(names)}")

    def show_config(self) -> None:
        """Print ``.reconciler.yaml``, if the repository has one."""
        file = self.repository / ".reconciler.yaml"
        if file.is_file():
            text = printable_lines(file.read_text())
            screen.result(f"$ cat {self.repository.name}/{file.name}\n\n{text}\n")

    def plan(self) -> ExitCode:
        """Run the real ``plan`` command on the repository and the simulated cluster."""
        from reconciler.cli.commands import plan

        screen.result(f"$ reconciler plan --repo {self.repository.name}\n\n")
        options = plan.PlanOptions(source=self._source(), cluster=self._cluster())
        code = plan.run(options, self.clock)
        screen.result("")
        return code

    def apply(self, expected: ExitCode | None = None, deadline_s: float | None = None) -> ExitCode:
        """Run the real ``apply`` command on the repository and the simulated cluster.

        Raises:
            ReconcilerError: The exit code differs from *expected*.
        """
        from reconciler.app import apply

        limit = f" --deadline {deadline_s / 60:.0f}m" if deadline_s else ""
        screen.result(f"$ reconciler apply --repo {self.repository.name}{limit} --yes\n\n")
        options = ApplyOptions(
            source=self._source(), cluster=self._cluster(), deadline_s=deadline_s
        )
        code = apply.run(options, self.clock, RunOutput(plan=False))
        screen.result("")
        if expected not in (None, code):
            raise ReconcilerError(
                f"`apply` in the demo ended with exit code {code.value} ({code.name.lower()}) "
                f"instead of {expected.value} ({expected.name.lower()})"
            )
        return code

    def create_vm(self, name: str) -> None:
        """Create a VM as a user would, and wait until KubeVirt can migrate it."""
        with source_wiring.desired(SourceOptions(files=(str(self.source / name),))) as reader:
            (vm,) = reader.read().state.vms.values()
        collection = f"/apis/kubevirt.io/v1/namespaces/{vm.ref.namespace}"
        body = json.dumps(dict(vm.manifest or {})).encode()
        self._ask("POST", f"{collection}/virtualmachines", body)
        path = f"{collection}/virtualmachineinstances/{vm.ref.name}"
        while not _migratable(self._ask("GET", path)):
            self.clock.sleep(1.0)

    def show_memory(self, namespace: str, name: str) -> None:
        """Print the memory status of a VMI."""
        path = f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
        memory = self._ask("GET", path)["status"]["memory"]
        screen.result(f"$ kubectl get vmi {name} -o json | jq .status.memory")
        screen.result(json.dumps(memory, indent=2, sort_keys=True) + "\n")

    def keep(self, vm: str = "vm", namespace: str = "default") -> None:
        """Keep the cluster running until Ctrl-C, and suggest commands for one VM."""
        from reconciler.app.stop import stop_on_signals

        self.say(
            "The cluster keeps running until Ctrl-C. Inspect it with:",
            f"  export KUBECONFIG={self.kubeconfig}",
            "  kubectl get vm,vmi,vmim -A",
            f"  kubectl describe vm -n {namespace} {vm}",
            "  kubectl get vmi -A -w",
            "The clock of the cluster differs from yours, so kubectl can show wrong ages or "
            "<invalid>.",
        )
        with stop_on_signals() as stop:
            while not stop.requested:
                self.clock.sleep(1.0)

    def _ask(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        """Send a request to the simulated API server as kubectl would; return the response."""
        headers = {"content-type": "application/json", "user-agent": "kubectl"}
        answer = self.served.simulator.request(method, path, headers=headers, body=body)
        found: dict[str, Any] = json.loads(getattr(answer, "body", b"{}"))
        return found

    def _source(self) -> SourceOptions:
        return SourceOptions(repo=str(self.repository))

    def _cluster(self) -> ClusterOptions:
        return ClusterOptions(kubeconfig=self.kubeconfig, time_scale=self.scale)


@contextmanager
def staged(folder: Path, world: Path, source: Path, scale: float) -> Iterator[Stage]:
    """Serve a simulated cluster, together with an empty repository, until the end of the block.

    The stage commits files of the directory *source* to the repository.

    Raises:
        UsageError: The file does not describe a valid simulated cluster.
    """
    from reconciler.cli.commands.cluster import served, write_kubeconfig

    repository = folder / world.stem
    repository.mkdir()
    _git(repository, "init", "--quiet", "--initial-branch", "main")
    with served(world, time_scale=scale, dated=True) as running:
        kubeconfig = folder / f"{world.stem}.kubeconfig"
        write_kubeconfig(running, kubeconfig)
        yield Stage(
            source=source,
            repository=repository,
            kubeconfig=kubeconfig,
            served=running,
            clock=clock_wiring.scaled_clock(running.simulator.clock.now(), scale),
            scale=scale,
        )


def _migratable(vmi: dict[str, Any]) -> bool:
    """Return whether KubeVirt reports a VMI as migratable, or False if no VMI exists."""
    if vmi["kind"] != "VirtualMachineInstance":
        return False
    conditions = vmi.get("status", {}).get("conditions", [])
    return any(
        each["type"] == "LiveMigratable" and each["status"] == "True" for each in conditions
    )


def _git(folder: Path, *arguments: str) -> None:
    """Run git with a fixed author, independent of the user's git configuration."""
    settings = ("user.name=Demo", "user.email=demo@example.com", "commit.gpgsign=false")
    flags = [part for each in settings for part in ("-c", each)]
    git = shutil.which("git")
    if git is None:
        raise ReconcilerError("git is not installed", hint="install git")
    command = [git, "-C", str(folder), *flags, *arguments]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - fixed arguments
    if done.returncode:
        raise ReconcilerError(f"git {arguments[0]} failed: {done.stderr.decode().strip()}")
