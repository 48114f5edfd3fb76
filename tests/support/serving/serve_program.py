"""Runs ``reconciler serve`` with different lease times, and writes a line for each plan.

Usage: ``serve_program.py TIMES PLANS ARGUMENTS``. TIMES is a JSON object with fields of
``LeaseTimes``. PLANS is a file to which each plan appends a line of JSON, or ``-`` for no file.
The line contains the time, the commit, and the VMs whose size in the cluster differs from Git,
with their size in the cluster.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.execution import leases
from reconciler.cli.main import entry
from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.serve import service
from reconciler.serve.loop.engine import Engine

if TYPE_CHECKING:
    from reconciler.app.read_and_plan import PlanWithInputs


def main() -> None:
    times, plans, *arguments = sys.argv[1:]
    defaults = LeaseTimes.__init__.__kwdefaults__
    assert defaults is not None
    if changed := json.loads(times):
        defaults.update(changed)
        leases.LEADER_TIMES = LeaseTimes()
    if plans != "-":
        service.Engine = recording_engine(Path(plans))
    sys.argv = ["reconciler", "serve", *arguments]
    entry()


def recording_engine(path: Path) -> type[Engine]:
    """Return a ``serve`` engine that appends a line to the file *path* after each plan."""
    file = path.open("a", buffering=1, encoding="utf-8")

    class RecordingEngine(Engine):
        def plan(self) -> PlanWithInputs:
            began = time.time()
            found = super().plan()
            live = found.live.vms
            differs = {
                f"{ref.namespace}/{ref.name}": str(live[ref].guest)
                for ref, wanted in found.desired.vms.items()
                if ref in live and live[ref].guest != wanted.guest
            }
            line = {
                "at": time.time(),
                "took_s": time.time() - began,
                "revision": found.plan.revision,
                "differs": differs,
                "decided": self.decided,
            }
            file.write(json.dumps(line) + "\n")
            return found

    return RecordingEngine


if __name__ == "__main__":
    main()
