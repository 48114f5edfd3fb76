"""``reconciler demo``: runs the real commands over HTTP against a simulated cluster."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.demo import demo_world
from reconciler.cli.demo.demo_stage import Stage, examples, staged
from reconciler.cli.option_values import seconds
from reconciler.cli.terminal import screen
from reconciler.model.run.outcome import ExitCode


def complete_worlds(incomplete: str) -> list[str]:
    """Return the names of simulated clusters that start with the typed characters."""
    return [each for each in demo_world.names(examples()) if each.startswith(incomplete)]


Keep = Annotated[
    bool,
    typer.Option(
        "--keep", help="Keep the last simulated cluster running, so that you can inspect it."
    ),
]
Scale = Annotated[
    float,
    typer.Option("--time-scale", min=1.0, max=60.0, help="Simulated seconds per real second."),
]
World = Annotated[
    str | None,
    typer.Option(
        "--world",
        metavar="NAME|FILE",
        autocompletion=complete_worlds,
        help="Run one scenario from examples/worlds instead of the two demo scenarios.",
    ),
]
Deadline = Annotated[
    float,
    typer.Option(
        "--deadline",
        metavar="DURATION",
        parser=seconds,
        show_default="20m",
        help="Time limit for `apply` with --world, in simulated time.",
    ),
]
List = Annotated[bool, typer.Option("--list", help="List the scenarios for --world and exit.")]

WHAT_IS_SIMULATED = """\
The cluster is simulated: an API server on 127.0.0.1 imitates KubeVirt's admission, controllers and
migrations, as recorded from real clusters, and runs {scale:.0f} times as fast. No hypervisor and
no guest run. Git, HTTP and every reconciler command below are real.
"""


def command(
    world: World = None,
    list_worlds: List = False,
    keep: Keep = False,
    time_scale: Scale = 20.0,
    deadline: Deadline = demo_world.DEADLINE_S,
) -> ExitCode:
    """Run the real commands against a simulated cluster; only Git is required."""
    if list_worlds:
        screen.result(demo_world.listing(examples() / "worlds"))
        return ExitCode.DONE
    demo = demo_world.find(world, examples()) if world else None
    screen.result(WHAT_IS_SIMULATED.format(scale=time_scale))
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as folder:
        if demo:
            demo_world.play(demo, Path(folder), time_scale, deadline, keep=keep)
        else:
            _walkthrough(Path(folder), time_scale)
            _fleet(Path(folder), time_scale, keep=keep)
    return ExitCode.DONE


def _walkthrough(folder: Path, scale: float) -> None:
    """Run the demo scenario that sets up memory hotplug on KubeVirt v1.3.1."""
    with _scenario(folder, "walkthrough", scale) as stage:
        stage.title("Scenario one: KubeVirt v1.3.1, before memory hotplug is set up")
        stage.say(
            "The commit sets the feature gate and the rollout strategy in the KubeVirt CR.",
            "It also sets the workload update strategy in this CR.",
            "It sets 2Gi for the VM vm-cirros, which already runs with 1Gi.",
        )
        stage.commit("kubevirt.yaml", "vm-cirros.yaml")
        stage.plan()
        stage.apply(ExitCode.BLOCKED)
        stage.say(
            "The feature gate and the strategies are in effect.",
            "A user creates vm-alpine with 1Gi, and the next commit sets 2Gi.",
        )
        stage.create_vm("vm-alpine.yaml")
        stage.commit("vm-alpine.yaml", guest=("1Gi", "2Gi"))
        stage.plan()
        stage.apply(ExitCode.BLOCKED)
        stage.show_memory("default", "vm-alpine")


def _fleet(folder: Path, scale: float, *, keep: bool) -> None:
    """Run the demo scenario with one VM for each way in which a change takes effect."""
    with _scenario(folder, "fleet", scale) as stage:
        stage.title("Scenario two: KubeVirt v1.9.0 with about twenty VMs")
        stage.say(
            "KubeVirt v1.9.0 needs no feature gate.",
            "The migrations of one VM fail.",
            "One hypervisor rejects the new memory, and one guest ignores it.",
            "The report names the VMs with these problems.",
        )
        stage.commit(".reconciler.yaml", "kubevirt.yaml", "vms")
        stage.plan()
        stage.apply(ExitCode.FAILED, deadline_s=360.0)
        if keep:
            stage.keep("flaky", "lab")


def _scenario(folder: Path, name: str, scale: float) -> AbstractContextManager[Stage]:
    return staged(folder, examples() / "worlds" / f"{name}.yaml", examples() / name, scale)
