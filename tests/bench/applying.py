"""How fast patches are sent: by ``apply``, and by a bare client one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench import processes, server

if TYPE_CHECKING:
    from pathlib import Path

    from bench.fleet import Fleet

WRITE_S = 0.05
"""What a write takes on the server: webhooks that call virt-api, and a commit to disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Patches a second."""

    n_patches: int
    patch_s: float
    """From the first PATCH that the server received to the last."""
    one_by_one_per_s: float
    server_cpu_s: float

    @property
    def per_s(self) -> float:
        """Until the last is answered: the server keeps each for as long as a write takes."""
        return self.n_patches / (self.patch_s + WRITE_S)


def measure(fleet: Fleet, repo: Path, folder: Path) -> Applied:
    """Patch a part of the fleet one by one; then, on a server of its own, apply all of it.

    The changed VMs are stopped: those that run would wait for each other's migrations.
    """
    fleet = replace(fleet, stopped=True)
    pacing = server.Pacing(listed_per_s=None, write_s=WRITE_S)
    with server.serving(fleet, pacing, folder) as first:
        one_by_one_per_s = patched_one_by_one(fleet, first.kubeconfig)
    with server.serving(fleet, pacing, folder) as second:
        second.since()
        processes.run(
            [
                *(processes.COMMAND, "apply", "--yes", "--no-wait", "--deadline", "120s"),
                *("--repo", repo),
                *("--kubeconfig", second.kubeconfig),
            ],
            codes=(0, 2, 4, 5, 6, 7),
        )
        served = second.since()
    return Applied(
        n_patches=served.patches,
        patch_s=served.patch_s,
        one_by_one_per_s=one_by_one_per_s,
        server_cpu_s=served.cpu_s,
    )


def patched_one_by_one(fleet: Fleet, kubeconfig: Path) -> float:
    """Patches a second of a bare client, from a process of its own."""
    fleet_options = ("--vms", str(fleet.n_vms), "--seed", str(fleet.seed))
    return float(
        processes.printed("bench.programs.one_by_one", *fleet_options, "--kubeconfig", kubeconfig)
    )
