"""Takes all benchmark measurements of a fleet of VMs, and repeats the measurements in rotation."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import applying, floor, following, foreign, peers, phases, processes, server
from bench.applying import Applied
from bench.floor import Floor
from bench.following import Both
from bench.peers import Peer
from bench.processes import Cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.fleet import Fleet
    from bench.server import Served, Server

LATE = ("kubernetes", "git", "jsonschema", "deepdiff", "ruamel")
"""The libraries that ``reconciler --help`` must not import, because they would slow it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The benchmark measurements that the user requests, besides the plan."""

    repeat: int = 3
    apply: bool = True
    follow: bool = True
    phases: bool = True
    n_peers: int = 0
    """The number of VMs in the measurements of other tools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The benchmark measurements of one fleet; a value that was not measured is None."""

    n_vms: int
    n_manifests: int
    n_finished: int
    n_changed: int
    repeat: int
    floors: tuple[Floor, ...]
    plan: Cost
    warm: Cost | None
    validate: Cost
    start: Cost
    """The time and memory that ``reconciler --help`` needs."""
    imported: tuple[str, ...]
    """The libraries in ``LATE`` that ``--help`` imports."""
    requests: int | None
    """The number of API requests that one plan sends."""
    gets: dict[str, int]
    """The number of GET requests that one plan sends, keyed by kind."""
    server_cpu_s: float | None
    """The CPU seconds of the simulated API server during one plan."""
    unpaced: Floor | None
    """The minimum work of a plan with a server that is not slowed down."""
    phases: dict[str, tuple[float, float]]
    sizes: dict[str, int]
    """The size of a plan in each output format, in bytes."""
    applied: Applied | None
    peers: tuple[Peer, ...]
    followed: Both | None
    foreign: dict[str, float]
    """The speed, in MB/s, at which files without VMs are skipped, keyed by source."""
    load: float
    """The one-minute load average of the machine before the measurements."""

    def floor(self, part: str) -> float:
        """Return the median duration of one part of the minimum work of a plan."""
        return statistics.median(getattr(each, part) for each in self.floors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """The measurement of one plan of a fleet that is too large for the other measurements."""

    n_vms: int
    plan: Cost
    load: float
    """The one-minute load average of the machine before the measurement."""


def plan_alone(fleet: Fleet, say: Callable[[str], None]) -> Alone:
    """Measure one plan of a fleet on the simulated cluster, slowed to the speed of a real one."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        say(f"{fleet.n_vms} VMs: write the repository and start the server, for the plan alone")
        fleet.commit(folder / "repo")
        with server.serving(fleet, server.Pacing(), folder) as paced:
            return planned(fleet.n_vms, folder / "repo", paced.kubeconfig)


def planned(n_vms: int, repo: Path, kubeconfig: Path) -> Alone:
    """Measure one plan of a fleet whose simulated cluster is already running."""
    load = os.getloadavg()[0]
    plan = (processes.COMMAND, "plan", "--repo", repo, "--kubeconfig", kubeconfig)
    return Alone(n_vms=n_vms, plan=processes.run(plan), load=load)


def of_fleet(fleet: Fleet, asked: Asked, say: Callable[[str], None]) -> Figures:
    """Take all measurements of a generated fleet on the simulated cluster."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        repo = folder / "repo"
        say(f"{fleet.n_vms} VMs: write the repository and start the server")
        load = os.getloadavg()[0]
        fleet.commit(repo)
        with server.serving(fleet, server.Pacing(), folder) as paced:
            check(fleet, repo, paced)
            paced.since()
            found = _plan(repo, paced.kubeconfig, asked, say, served=paced)
            say("peers")
            manifests = [vm.manifest() for vm in fleet.vms[: asked.n_peers]]
            measured = peers.measure(manifests, paced.kubeconfig, asked.repeat)
        say("the server's own serving time")
        with server.serving(fleet, server.Pacing(listed_per_s=None), folder) as unpaced:
            own = floor.in_a_process(unpaced.kubeconfig, repo)
            followed = None
            if asked.follow:
                say("serve")
                # This comes last, since it changes the cluster.
                followed = following.measure(fleet, repo, unpaced, folder)
        applied = None
        if asked.apply:
            say("apply")
            applied = applying.measure(fleet, repo, folder)
    return Figures(
        n_vms=fleet.n_vms,
        n_changed=len(fleet.changed),
        n_finished=len(list(fleet.finished(datetime.now(UTC)))),
        load=load,
        unpaced=own,
        applied=applied,
        followed=followed,
        peers=measured,
        foreign=foreign.megabytes_per_s(),
        **found,
    )


def of_cluster(kubeconfig: Path, repo: Path, asked: Asked, say: Callable[[str], None]) -> Figures:
    """Measure plans for a real cluster and its repository; nothing is written."""
    load = os.getloadavg()[0]
    found = _plan(repo, kubeconfig, asked, say, served=None)
    say("peers")
    manifests = peers.of_repository(repo, asked.n_peers)
    return Figures(
        n_vms=found["n_manifests"],
        n_changed=0,
        n_finished=0,
        load=load,
        unpaced=None,
        applied=None,
        followed=None,
        peers=peers.measure(manifests, kubeconfig, asked.repeat),
        foreign=foreign.megabytes_per_s(),
        **found,
    )


def check(fleet: Fleet, repo: Path, served: Server) -> None:
    """Check that the plan contains exactly the changes with which the fleet was generated.

    Raises:
        SystemExit: The plan differs, so all measurements would be meaningless.
    """
    arguments = ("plan", "--output", "json", "--repo", repo, "--kubeconfig", served.kubeconfig)
    done = processes.run([processes.COMMAND, *arguments], keep=True)
    summary = json.loads(done.stdout)["summary"]
    n_changed, n_migrating = len(fleet.changed), sum(vm.migrating for vm in fleet.vms)
    # The plan also contains the KubeVirt CR.
    rest = fleet.n_vms + 1 - n_changed - n_migrating
    expected = {"live": n_changed, "wait": n_migrating, "none": rest}
    if {effect: n for effect, n in summary.items() if n} != {
        k: n for k, n in expected.items() if n
    }:
        raise SystemExit(f"the plan of the generated fleet is not the expected one: {summary}")


def _plan(
    repo: Path,
    kubeconfig: Path,
    asked: Asked,
    say: Callable[[str], None],
    *,
    served: Server | None,
) -> dict[str, object]:
    plan = (processes.COMMAND, "plan", "--repo", repo, "--kubeconfig", kubeconfig)
    validate = (processes.COMMAND, "validate", "--repo", repo)
    warmable = processes.has_option("plan", "--cache-dir")
    floors: list[Floor] = []
    costs: dict[str, list[Cost]] = {name: [] for name in ("plan", "warm", "validate", "start")}
    seen: list[Served] = []
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as cache:
        warm = (*plan, "--cache-dir", cache)
        if warmable:
            processes.run(warm)
        # In rotation, so that other load on the machine affects all of them.
        for turn in range(asked.repeat):
            say(f"floor, plan, validate: {turn + 1} of {asked.repeat}")
            floors.append(floor.in_a_process(kubeconfig, repo))
            if served:
                served.since()
            costs["plan"].append(processes.run(plan))
            if served:
                seen.append(served.since())
            if warmable:
                costs["warm"].append(processes.run(warm))
            costs["validate"].append(processes.run(validate))
            costs["start"].append(processes.run((processes.COMMAND, "--help")))
    if asked.phases:
        say("phases")
    times, sizes = phases.in_a_process(kubeconfig, repo) if asked.phases else ({}, {})
    return {
        "n_manifests": floors[0].n_blobs,
        "repeat": asked.repeat,
        "floors": tuple(floors),
        "plan": processes.median(costs["plan"]),
        "warm": processes.median(costs["warm"]) if warmable else None,
        "validate": processes.median(costs["validate"]),
        "start": processes.median(costs["start"]),
        "imported": imported(),
        "requests": max(each.requests for each in seen) if seen else None,
        "gets": seen[-1].gets if seen else {},
        "server_cpu_s": statistics.median(each.cpu_s for each in seen) if seen else None,
        "phases": times,
        "sizes": sizes,
    }


def imported() -> tuple[str, ...]:
    """Return the libraries in ``LATE`` that ``reconciler --help`` imports."""
    program = (
        "import sys; from reconciler.cli.main import main; main(['--help']); "
        f"print('imported', *(each for each in {LATE!r} if each in sys.modules))"
    )
    done = processes.run((sys.executable, "-c", program), keep=True)
    return tuple(done.stdout.decode().splitlines()[-1].split()[1:])
