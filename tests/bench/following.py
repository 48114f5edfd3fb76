"""Measures how long a new plan takes after one change in Git and one in the cluster.

Each measurement is made twice: with no other pending change, and with all of the fleet's changes
pending.

``python -m bench.following`` tracks a cluster as `serve` does, makes a few changes in Git and in
the cluster, and prints a line of JSON. The repository and the cluster must be disposable.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import processes
from bench.fleet import GIT_ENVIRONMENT, Fleet
from bench.programs.bare import Bare
from bench.programs.one_by_one import patched
from support.serving.pulling_engine import PullingEngine

from reconciler.app.input_options import SourceOptions
from reconciler.app.wiring import clock_wiring, source_wiring
from reconciler.cluster.api.client import Client
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.model.references import vm_ref
from reconciler.plan.plan_policy import plan_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.fleet import VM
    from bench.server import Server

ROUNDS = 5
_WAIT_S = 10.0
"""The longest wait for the informer to show a change, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The medians of several measurements of a new plan after two changes, in seconds."""

    plan_s: float
    """The seconds from the two changes until the new plan is ready."""
    pull_s: float
    """The part of ``plan_s`` that reading Git takes, in seconds."""
    cpu_s: float
    decided: int
    """The largest number of VMs that one new plan evaluated again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """The measurements for a fleet without pending changes and for one with pending changes."""

    settled: Followed
    pending: Followed
    requests: int
    """The number of GET requests to which the server responded in all rounds."""


def measure(fleet: Fleet, repo: Path, served: Server, folder: Path) -> Both:
    """Track a cluster and a clone of a repository in a separate process, and measure new plans."""
    clone = folder / "followed"
    _git(folder, "clone", "--quiet", str(repo), str(clone))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.following", "--kubeconfig", str(served.kubeconfig)),
            *("--repo", str(clone), "--vms", str(fleet.n_vms), "--seed", str(fleet.seed)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=processes.environment(),
        text=True,
    )
    with process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            if process.stdout.readline() != "first\n":
                raise SystemExit("there is no first plan; see the error above")
            served.since()
            process.stdin.write("\n")
            process.stdin.flush()
            found = json.loads(process.stdout.readline())
            gets = served.since().gets
            process.stdin.close()
        finally:
            process.kill()
    settled, pending = (Followed(**found[state]) for state in ("settled", "pending"))
    return Both(settled=settled, pending=pending, requests=sum(gets.values()))


def main() -> None:
    """Make the first plan, wait for a line on standard input, then measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vms", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--repo", type=Path, required=True)
    options = parser.parse_args()
    gc.set_threshold(50_000, 20, 20)  # as the commands do
    fleet = Fleet(n_vms=options.vms, seed=options.seed)
    settle(fleet, options.repo)
    clock = clock_wiring.real_clock()
    source = SourceOptions(repo=str(options.repo))
    with (
        Client.from_options(clock=clock, kubeconfig_path=str(options.kubeconfig)) as client,
        source_wiring.desired(source) as desired,
        ClusterInformer(client, clock=clock) as informer,
    ):
        engine = PullingEngine(desired, informer, clock, plan_policy)
        quiet = [vm for vm in fleet.vms if not (vm.changed or vm.migrating)]
        still = iter([vm for vm in quiet if file_of(vm, options.repo).exists()])
        bare = Bare(options.kubeconfig)
        # The first change causes a read of pods and quotas, which stay fresh for a minute.
        rounds(still, options.repo, bare, engine, informer, n=1)
        _say("first")
        sys.stdin.readline()
        settled = rounds(still, options.repo, bare, engine, informer)
        _git(options.repo, "revert", "--no-edit", f"HEAD~{1 + ROUNDS}")
        pending = rounds(still, options.repo, bare, engine, informer)
        _say(json.dumps({"settled": asdict(settled), "pending": asdict(pending)}))
        sys.stdin.readline()  # keep the watches open until the server has counted


def settle(fleet: Fleet, repo: Path) -> None:
    """Set all memory sizes in Git to those in the cluster, with one commit."""
    for path, text in replace(fleet, settled=True).files():
        (repo / path).write_text(text)
    _git(repo, "commit", "--quiet", "--all", "--message=settled")


def rounds(
    still: Iterator[VM],
    repo: Path,
    bare: Bare,
    engine: PullingEngine,
    informer: ClusterInformer,
    n: int = ROUNDS,
) -> Followed:
    """Change a VM in Git and one in the cluster, and time the next plan; repeat this *n* times."""
    pulls, plans, cpus, decided = [], [], [], []
    engine.pull()
    engine.plan()
    for _ in range(n):
        in_git, in_cluster = next(still), next(still)
        commit(in_git, repo)
        patched(bare, in_cluster, in_cluster.wanted + 1)
        arrived(informer, in_cluster)
        start, start_cpu = time.perf_counter(), time.process_time()
        engine.pull()
        pulls.append(time.perf_counter() - start)
        plan = engine.plan().plan
        plans.append(time.perf_counter() - start)
        cpus.append(time.process_time() - start_cpu)
        decided.append(engine.decided)
        changed = {each.ref for each in plan.decisions if each.changes}
        for vm in (in_git, in_cluster):
            if vm_ref(vm.namespace, vm.name) not in changed:
                raise SystemExit(f"the new plan does not change {vm.namespace}/{vm.name}")
    return Followed(
        plan_s=statistics.median(plans),
        pull_s=statistics.median(pulls),
        cpu_s=statistics.median(cpus),
        decided=max(decided),
    )


def commit(vm: VM, repo: Path) -> None:
    """Increase a VM's memory by one GiB in Git.

    The VM must be the first one in its file.
    """
    path = file_of(vm, repo)
    wanted = f"guest: {vm.wanted}Gi"
    path.write_text(path.read_text().replace(wanted, f"guest: {vm.wanted + 1}Gi", 1))
    _git(repo, "commit", "--quiet", "--all", "--message=more")


def file_of(vm: VM, repo: Path) -> Path:
    """Return the path of a VM's own manifest file; a VM that shares a file has no own file."""
    return repo / "vms" / vm.namespace / f"{vm.name}.yaml"


def arrived(informer: ClusterInformer, vm: VM) -> None:
    """Wait until the informer shows that a VM was patched."""
    ref, end = vm_ref(vm.namespace, vm.name), time.monotonic() + _WAIT_S
    while str(informer.read().vms[ref].guest) != f"{vm.wanted + 1}Gi":
        if time.monotonic() > end:
            raise SystemExit(f"the informer did not see the patch of {vm.namespace}/{vm.name}")
        informer.wait(0.5)


def _git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "gc.auto=0", *arguments]
    subprocess.run(command, cwd=folder, env=GIT_ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
