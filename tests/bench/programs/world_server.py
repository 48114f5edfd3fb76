"""Serves the simulated cluster of a fleet until standard input ends.

For each line on standard input, the program prints a line of JSON that summarises the requests
since the previous line.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.fleet import Fleet
from bench.server import Served

from reconciler.simulator.apiserver.response_times import ResponseTimes
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds import worlds

STORED = "virtualmachineinstancemigrations.kubevirt.io"


def served(simulator: Simulator, cpu_s: float) -> Served:
    """Summarise the requests that the simulated cluster received."""
    log = simulator.request_log
    gets = Counter(each.path.rsplit("/", 1)[-1] for each in log if each.method == "GET")
    patches = [
        each.at.timestamp()
        for each in log
        if each.method == "PATCH" and "/virtualmachines/" in each.path
    ]
    return Served(
        requests=len(log),
        gets=dict(gets.most_common()),
        patches=len(patches),
        patch_s=patches[-1] - patches[0] if patches else 0.0,
        cpu_s=cpu_s,
    )


def add_finished(simulator: Simulator, fleet: Fleet) -> None:
    """Add finished migrations to a simulated cluster; each one ends after its creation."""

    store = simulator.store
    with store.lock:
        for body in fleet.finished(simulator.clock.now()):
            meta = body["metadata"]
            store.create(
                Key(STORED, meta["namespace"], meta["name"]), body, manager="virt-controller"
            )


def say(answer: dict[str, Any]) -> None:
    """Print one line of JSON immediately."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve the simulated cluster of the fleet until standard input ends."""

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vms", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--finished", type=int)
    parser.add_argument("--stopped", action="store_true")
    parser.add_argument("--listed-per-s", type=float, default=float("inf"))
    parser.add_argument("--write-s", type=float, default=0.0)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    options = parser.parse_args()
    fleet = Fleet(
        n_vms=options.vms,
        seed=options.seed,
        n_finished=options.finished,
        stopped=options.stopped,
    )
    pace = ResponseTimes(listed_per_s=options.listed_per_s, write_s=options.write_s)
    simulator = Simulator(worlds.parse(fleet.world()), response_times=pace)
    add_finished(simulator, fleet)
    # The cluster stays in memory; garbage collection of it would only slow the server down.
    gc.collect()
    gc.freeze()
    with simulator.serve() as server:
        options.kubeconfig.write_text(simulator.kubeconfig(server.url, server.token))
        options.kubeconfig.chmod(0o600)
        say({})
        cpu_s = time.process_time()
        for _ in sys.stdin:
            now = time.process_time()
            answer = served(simulator, now - cpu_s)
            simulator.request_log.clear()
            say(asdict(answer))
            cpu_s = now


if __name__ == "__main__":
    main()
