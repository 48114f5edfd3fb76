"""Runs the simulated cluster of a fleet in a separate process, and counts its requests."""

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
"""The number of VMs of the same size that a real API server listed per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """The speed limits of the simulated server; None means no limit."""

    listed_per_s: float | None = LISTED_PER_S
    write_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The requests that the simulated server received between two calls of ``Server.since``."""

    requests: int
    """The number of requests from all clients, including watches."""
    gets: dict[str, int]
    """The number of GET requests, keyed by the end of the path: a plural or an object name."""
    patches: int
    patch_s: float
    """The seconds between the first and the last PATCH of a VM that the server received."""
    cpu_s: float
    """The CPU seconds of the server's process."""


class Server:
    """A handle to a simulated cluster that runs in another process."""

    def __init__(self, process: subprocess.Popen[str], kubeconfig: Path) -> None:
        self._process = process
        self.kubeconfig = kubeconfig

    def since(self) -> Served:
        """Return the requests since the previous call, or since the start."""
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
            raise SystemExit("the simulated cluster has ended; see the error above")
        found: dict[str, Any] = json.loads(line)
        return found


@contextlib.contextmanager
def serving(fleet: Fleet, pacing: Pacing, folder: Path) -> Iterator[Server]:
    """Serve the simulated cluster of a fleet in another process until the end of the block."""
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
