"""Measures each phase of a plan in one process.

``python -m bench.phases`` makes one plan, and prints the phases and their seconds as JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import processes

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopwatch:
    """Measures seconds and CPU seconds per phase of a plan, and the size of each output format."""

    def __init__(self) -> None:
        self.phases: dict[str, tuple[float, float]] = {}
        self.sizes: dict[str, int] = {}
        """The size of a plan in each output format, in bytes."""

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start, start_cpu = time.perf_counter(), time.process_time()
        yield
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        before = self.phases.get(phase, (0.0, 0.0))
        self.phases[phase] = (before[0] + wall_s, before[1] + cpu_s)


def in_a_process(
    kubeconfig: Path | None, repo: Path
) -> tuple[dict[str, tuple[float, float]], dict[str, int]]:
    """Plan once in a separate process, and return each phase's time and each format's size."""
    arguments = ["--repo", str(repo), *(("--kubeconfig", str(kubeconfig)) if kubeconfig else ())]
    found = json.loads(processes.printed("bench.phases", *arguments))
    phases = {name: (wall_s, cpu_s) for name, (wall_s, cpu_s) in found["phases"].items()}
    return phases, found["sizes"]


def main() -> None:
    """Make one plan, and print the time of each phase and the size of each output format."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument("--kubeconfig", type=Path)
    options = parser.parse_args()
    timed = Stopwatch()
    with timed("import"):
        parts = importlib.import_module("bench.parts")
    parts.measure(timed, options.kubeconfig, options.repo)
    sys.stdout.write(json.dumps({"phases": timed.phases, "sizes": timed.sizes}))


if __name__ == "__main__":
    main()
