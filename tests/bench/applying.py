"""Measures how fast ``apply`` sends patches, and how fast a bare client sends them in sequence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench import processes, server

if TYPE_CHECKING:
    from pathlib import Path

    from bench.fleet import Fleet

WRITE_S = 0.05
"""The simulated seconds of a write, which calls virt-api's webhooks and commits to disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The patches per second that ``apply`` and a bare HTTP client sent."""

    n_patches: int
    patch_s: float
    """The seconds between the first and the last PATCH request that the server received."""
    one_by_one_per_s: float
    server_cpu_s: float

    @property
    def per_s(self) -> float:
        """The patches per second, including the duration ``WRITE_S`` of the last write."""
        return self.n_patches / (self.patch_s + WRITE_S)


def measure(fleet: Fleet, repo: Path, folder: Path) -> Applied:
    """Compare a bare client that patches part of the fleet with ``apply`` for the whole fleet.

    The changed VMs are stopped, because running VMs would wait for each other's migrations.
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
    """Measure the patches per second of a bare HTTP client in a separate process."""
    fleet_options = ("--vms", str(fleet.n_vms), "--seed", str(fleet.seed))
    return float(
        processes.printed("bench.programs.one_by_one", *fleet_options, "--kubeconfig", kubeconfig)
    )
