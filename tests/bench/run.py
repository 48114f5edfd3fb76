"""Measures plans of many VMs, compares them with the minimum work, and writes a report.

Run it with ``make bench ARGS="--vms 1000 10000"``. Without ``--kubeconfig`` the fleets are
generated from a seed, and a separate process serves the simulated cluster.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import figures, machine, table
from bench.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Sequence

PEERS = 50
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure plans, print the report, and write the report to a file."""
    options = parsed(arguments)
    asked = figures.Asked(
        repeat=options.repeat,
        apply=not options.no_apply,
        follow=not options.no_serve,
        phases=not options.no_phases,
        n_peers=_peers(options),
    )
    if options.kubeconfig:
        found = [figures.of_cluster(options.kubeconfig, options.repo, asked, say)]
    else:
        found = [
            figures.of_fleet(
                Fleet(n_vms=n_vms, seed=options.seed, n_finished=options.finished), asked, say
            )
            for n_vms in options.vms
        ]
    alone = [
        figures.plan_alone(Fleet(n_vms=n_vms, seed=options.seed), say)
        for n_vms in options.plan_alone
    ]
    text = table.report(found, alone, machine.about())
    options.results.write_text(text)
    sys.stdout.write(text)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command-line options of the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--vms", type=int, nargs="+", default=[1000], help="sizes of the fleets (default 1000)")
    add(
        "--plan-alone",
        type=int,
        nargs="*",
        default=[],
        help="fleet sizes for which only one plan is measured",
    )
    add("--seed", type=int, default=1, help="seed of the fleets (default 1)")
    add("--finished", type=int, help="finished migrations (default: one per five VMs)")
    add("--repeat", type=int, default=3, help="number of runs per median (default 3)")
    add("--peers", type=int, help="VMs for kubectl diff and kapp (default 50; real cluster: 0)")
    add("--no-apply", action="store_true", help="do not measure apply")
    add("--no-serve", action="store_true", help="do not measure serve")
    add("--no-phases", action="store_true", help="do not measure the phases")
    add("--kubeconfig", type=Path, help="measure this cluster (only reads it)")
    add("--repo", type=Path, help="the Git repository of this cluster")
    add("--results", type=Path, default=RESULTS, help="file to write (default RESULTS.md here)")
    options = parser.parse_args(arguments)
    if bool(options.kubeconfig) is not bool(options.repo):
        parser.error("use --kubeconfig and --repo together")
    return options


def _peers(options: argparse.Namespace) -> int:
    """Return for how many VMs to measure other tools; on a real cluster, 0 unless requested."""
    if options.peers is None:
        return 0 if options.kubeconfig else PEERS
    peers: int = options.peers
    return peers


def say(text: str) -> None:
    """Print the progress of the benchmark for the user."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
