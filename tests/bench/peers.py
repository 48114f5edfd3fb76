"""Measures how long other tools take to plan the changes of the same fleet.

Other tools take tens of milliseconds per VM, so they get only a part of a large fleet.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import processes

from reconciler.source.config_file import read_config
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.file_selection import select
from reconciler.source.git.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Sequence

PEERS = {
    "kubectl diff": ("kubectl", "diff", "--recursive", "--filename"),
    "kubectl diff --server-side --concurrency=4": (
        *("kubectl", "diff", "--server-side", "--force-conflicts", "--concurrency=4"),
        *("--recursive", "--filename"),
    ),
    "kapp deploy --diff-run": ("kapp", "deploy", "--app=bench", "--diff-run", "--yes", "--file"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The measurement of another tool, or the reason why that tool was not measured."""

    name: str
    n_vms: int
    wall_s: float | None = None
    """The median wall-clock time of the other tool in seconds, if it was measured."""
    why_not: str = ""


def measure(manifests: Sequence[str], kubeconfig: Path, repeat: int) -> tuple[Peer, ...]:
    """Run every other tool on PATH *repeat* times, in rotation, with the same *manifests*."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        for number, text in enumerate(manifests):
            (Path(folder) / f"{number}.yaml").write_text(text)
        found: dict[str, list[Peer]] = {name: [] for name in PEERS}
        for _ in range(repeat):
            for name, costs in found.items():
                if not costs or costs[-1].wall_s is not None:
                    costs.append(_one(name, len(manifests), Path(folder), kubeconfig))
        return tuple(map(_median, found.values()))


def of_repository(repo: Path, n_files: int) -> list[str]:
    """Read the first *n_files* manifest files that a plan of a repository reads."""
    with Repository.open(repo) as opened:
        tree = CommitTree(opened, opened.resolve("HEAD"))
        config = read_config(tree).config
        files = select(tree, config).files[:n_files]
        return [data.decode() for data in tree.read_all(files)]


def _median(costs: Sequence[Peer]) -> Peer:
    times = [each.wall_s for each in costs if each.wall_s is not None]
    return replace(costs[-1], wall_s=statistics.median(times)) if times else costs[-1]


def _one(name: str, n_vms: int, folder: Path, kubeconfig: Path) -> Peer:
    program, *arguments = PEERS[name]
    if not n_vms:
        return Peer(name=name, n_vms=0, why_not="not requested (--peers 0)")
    path = processes.found(program)
    if path is None:
        return Peer(name=name, n_vms=n_vms, why_not=f"no {program} on PATH")
    try:
        # Both kubectl and kapp may exit with 1 or more if there are differences.
        cost = processes.run(
            [path, *arguments, folder, f"--kubeconfig={kubeconfig}"], codes=(0, 1, 2, 3), keep=True
        )
    except processes.FailedError as error:
        return Peer(name=name, n_vms=n_vms, why_not=str(error))
    if cost.code == 1 and not cost.stdout:
        return Peer(name=name, n_vms=n_vms, why_not="it failed")
    return Peer(name=name, n_vms=n_vms, wall_s=cost.wall_s)
