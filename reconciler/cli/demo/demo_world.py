"""``reconciler demo --world``: one situation, planned, applied and reported."""

from __future__ import annotations

import difflib
import sys
import textwrap
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from reconciler.cli.demo.demo_stage import staged
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.error_output import exit_code
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode

BEGINS_S = 15.0
"""When the plan is made, in simulated seconds: after what a world's timeline has set up."""
DEADLINE_S = 1200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedWorld:
    """A world, and the manifests that Git holds for it."""

    file: Path
    folder: Path
    manifests: tuple[str, ...]
    """Names in *folder*, files or folders."""


def find(name: str, examples: Path) -> PlayedWorld:
    """The world *name* of *examples*, or that of a file, with what Git asks for in it.

    The manifests lie in ``desired/`` beside the world, under its name: a file, or a folder where
    Git's side has a ``.reconciler.yaml``. A world that tells a whole story has a folder of its own
    in *examples* instead.

    Raises:
        UsageError: There is no such world, or nothing is desired in it.
    """
    named = Path(name)
    file = named if named.suffix else examples / "worlds" / f"{name}.yaml"
    if not file.is_file():
        known = [path.stem for path in sorted((examples / "worlds").glob("*.yaml"))]
        close = " or ".join(difflib.get_close_matches(name, known))
        hint = f"do you mean {close}?" if close else "`reconciler demo --list` lists them"
        raise UsageError(f"--world {name}: there is no such world", hint=hint)
    beside = file.parent / "desired" / file.name
    if beside.is_file():
        return PlayedWorld(file=file, folder=beside.parent, manifests=(beside.name,))
    for folder in (beside.with_suffix(""), examples / file.stem):
        if folder.is_dir():
            names = tuple(path.name for path in sorted(folder.iterdir()))
            return PlayedWorld(file=file, folder=folder, manifests=names)
    raise UsageError(
        f"--world {name}: nothing says what Git asks for in it",
        hint=f"write the manifests to {beside}, or to a folder {beside.with_suffix('')}",
    )


def listing(worlds: Path) -> str:
    """Each world of the folder with what its file says of it first."""
    files = {path.stem: path for path in worlds.glob("*.yaml")}
    column = max(map(len, files), default=0) + 2
    look = screen.look(sys.stdout)
    return "\n".join(
        textwrap.fill(
            " ".join(takewhile(bool, _comment(files[name]))),
            width=look.width,
            initial_indent=name.ljust(column),
            subsequent_indent=" " * column,
            break_on_hyphens=False,
        )
        for name in sorted(files)
    )


def play(world: PlayedWorld, folder: Path, scale: float, deadline_s: float, *, keep: bool) -> None:
    """Commit what is desired, plan it and apply it, as the commands themselves would.

    Args:
        world: What to play.
        folder: An empty one, for the repository and the kubeconfig.
        scale: Simulated seconds a real second.
        deadline_s: Simulated seconds for the apply.
        keep: Whether the cluster stays up afterwards, until Ctrl-C.
    """
    with staged(folder, world.file, world.folder, scale) as stage:
        stage.title(f"The world {world.file.stem}")
        stage.say(*_comment(world.file))
        stage.commit(*world.manifests)
        stage.show_config()
        stage.clock.sleep(BEGINS_S)
        if exit_code(stage.plan) is ExitCode.DONE:
            exit_code(lambda: stage.apply(deadline_s=deadline_s))
        if keep:
            stage.keep()


def _comment(file: Path) -> list[str]:
    """The lines of the comment at the top of *file*."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
