"""What other tools take for the plan of the same fleet; only of as many VMs as asked for.

They take tens of milliseconds a VM, so that 10,000 VMs take minutes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import processes

if TYPE_CHECKING:
    from bench.fleet import Fleet

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
    """How a peer did, or why it did not."""

    name: str
    n_vms: int
    wall_s: float | None = None
    why_not: str = ""


def measure(fleet: Fleet, n_vms: int, kubeconfig: Path) -> tuple[Peer, ...]:
    """Every peer once, with the first *n_vms* of *fleet*."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        for vm in fleet.vms[:n_vms]:
            (Path(folder) / f"{vm.name}.yaml").write_text(vm.manifest())
        return tuple(_one(name, n_vms, Path(folder), kubeconfig) for name in PEERS)


def _one(name: str, n_vms: int, folder: Path, kubeconfig: Path) -> Peer:
    program, *arguments = PEERS[name]
    if not n_vms:
        return Peer(name=name, n_vms=0, why_not="not asked for (--peers N)")
    path = processes.found(program)
    if path is None:
        return Peer(name=name, n_vms=n_vms, why_not=f"no {program} on PATH")
    try:
        # Both kubectl and kapp may say by 1 or more that there are differences.
        cost = processes.run(
            [path, *arguments, folder, f"--kubeconfig={kubeconfig}"], codes=(0, 1, 2, 3), keep=True
        )
    except processes.FailedError as error:
        return Peer(name=name, n_vms=n_vms, why_not=str(error))
    if cost.code == 1 and not cost.stdout:
        return Peer(name=name, n_vms=n_vms, why_not="it failed")
    return Peer(name=name, n_vms=n_vms, wall_s=cost.wall_s)
