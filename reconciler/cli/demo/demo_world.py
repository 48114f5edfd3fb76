"""``reconciler demo --world``: runs the commands on a simulated cluster from a YAML file."""

from __future__ import annotations

import difflib
import sys
import textwrap
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from reconciler import input_files
from reconciler.cli.demo.demo_stage import staged
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.error_output import exit_code
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode

BEGINS_S = 15.0
"""Simulated seconds between the start of the simulated cluster and the plan."""
DEADLINE_S = 1200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorld:
    """A simulated cluster from a YAML file, with the manifests that are committed to Git."""

    file: Path
    folder: Path
    manifests: tuple[str, ...]
    """The names of files and directories in *folder* that contain the manifests."""


def find(name: str, examples: Path) -> DemoWorld:
    """Find the YAML file of a simulated cluster, and the manifests to commit for that cluster.

    *name* is a path, or the name of a file in *examples*. The manifests are in ``desired/`` next
    to that file: in a file of the same name, or in a directory of that name without
    ``.yaml``. The manifests of a demo scenario are in a directory of *examples* instead.

    Raises:
        UsageError: The simulated cluster does not exist, or has no manifests.
    """
    named = Path(name)
    file = named if named.suffix else examples / "worlds" / f"{name}.yaml"
    if not file.is_file():
        close = " or ".join(difflib.get_close_matches(name, names(examples)))
        hint = (
            f"did you mean {close}?"
            if close
            else ("run `reconciler demo --list` to list the scenarios")
        )
        raise UsageError(f"--world {name}: the scenario does not exist", hint=hint)
    beside = file.parent / "desired" / file.name
    if beside.is_file():
        return DemoWorld(file=file, folder=beside.parent, manifests=(beside.name,))
    for folder in (beside.with_suffix(""), examples / file.stem):
        if folder.is_dir():
            manifests = tuple(path.name for path in sorted(folder.iterdir()))
            return DemoWorld(file=file, folder=folder, manifests=manifests)
    raise UsageError(
        f"--world {name}: the scenario has no manifests with the desired state",
        hint=f"put the manifests into the file {beside}, or into the directory "
        f"{beside.with_suffix('')}",
    )


def names(examples: Path) -> list[str]:
    """Return the names of the simulated clusters in the examples directory."""
    return sorted(path.stem for path in (examples / "worlds").glob("*.yaml"))


def listing(worlds: Path) -> str:
    """Return the name and the description of each file that describes a simulated cluster."""
    files = {path.stem: path for path in worlds.glob("*.yaml")}
    column = max(map(len, files), default=0) + 2
    style = screen.style_of(sys.stdout)
    return "\n".join(
        textwrap.fill(
            " ".join(takewhile(bool, _comment(files[name]))),
            width=style.width,
            initial_indent=name.ljust(column),
            subsequent_indent=" " * column,
            break_on_hyphens=False,
        )
        for name in sorted(files)
    )


def play(world: DemoWorld, folder: Path, scale: float, deadline_s: float, *, keep: bool) -> None:
    """Commit the manifests of a simulated cluster, then plan and apply them.

    The function runs the real commands.

    Args:
        world: The simulated cluster.
        folder: An empty directory for the repository and the kubeconfig.
        scale: Simulated seconds per real second.
        deadline_s: The time limit for the apply, in simulated seconds.
        keep: Whether the cluster keeps running afterwards, until Ctrl-C.
    """
    with staged(folder, world.file, world.folder, scale) as stage:
        stage.title(f"The scenario {world.file.stem}")
        stage.say(*_comment(world.file))
        stage.commit(*world.manifests)
        stage.show_config()
        stage.clock.sleep(BEGINS_S)
        if exit_code(stage.plan) is ExitCode.DONE:
            exit_code(lambda: stage.apply(deadline_s=deadline_s))
        if keep:
            stage.keep()


def _comment(file: Path) -> list[str]:
    """Return the lines of the comment at the start of a file."""
    lines = input_files.read(file).decode().splitlines()
    return [line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
