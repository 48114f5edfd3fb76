"""The simulated cluster of a fleet, which runs in a process of its own, and what it has served."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.fleet import Fleet

LISTED_PER_S = 2000.0
"""As a real API server listed VMs of this size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How fast the server answers at most; None as fast as it can."""

    listed_per_s: float | None = LISTED_PER_S
    write_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the server did between two questions."""

    requests: int
    """Of anybody, watches included."""
    gets: dict[str, int]
    """GETs by the last part of their path: the plural of a list, the name of an object."""
    patches: int
    patch_s: float
    """From the first PATCH of a VM to the last, both received."""
    cpu_s: float
    """CPU time of the server's process."""


class Server:
    """The handle on a running server."""

    def __init__(self, process: subprocess.Popen[str], kubeconfig: Path) -> None:
        self._process = process
        self.kubeconfig = kubeconfig

    def since(self) -> Served:
        """What was served since the last call, or since the start."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Served(**self._read())

    def ready(self) -> None:
        self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the simulated cluster has ended; its reason is above")
        found: dict[str, Any] = json.loads(line)
        return found


@contextlib.contextmanager
def serving(fleet: Fleet, pacing: Pacing, folder: Path) -> Iterator[Server]:
    """Serve *fleet* in another process until the end of the block."""
    kubeconfig = folder / "kubeconfig"
    arguments = [
        *("--vms", str(fleet.n_vms), "--seed", str(fleet.seed)),
        *("--kubeconfig", str(kubeconfig), "--write-s", str(pacing.write_s)),
    ]
    if fleet.stopped:
        arguments.append("--stopped")
    if fleet.n_finished is not None:
        arguments += ["--finished", str(fleet.n_finished)]
    if pacing.listed_per_s is not None:
        arguments += ["--listed-per-s", str(pacing.listed_per_s)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.programs.world_server", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=processes.environment(),
        text=True,
    )
    with process:
        try:
            server = Server(process, kubeconfig)
            server.ready()
            yield server
        finally:
            process.kill()
