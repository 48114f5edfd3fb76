"""``Sample``: the resources that the ``serve`` process uses, read from ``/proc``."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TICKS = os.sysconf("SC_CLK_TCK")
_MB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The resources that a process uses, and its API requests since the last sample."""

    minute: float
    """The minutes since the start of the soak test."""
    memory_mb: float
    files: int
    threads: int
    cpu_s: float
    """The CPU seconds since the start of the process."""
    requests: Counter[str] = field(default_factory=Counter)
    """The number of API requests, keyed by verb."""


def sample(pid: int, minute: float, requests: Counter[str]) -> Sample:
    """Read the resources that a process uses now."""
    folder = Path("/proc") / str(pid)
    status = dict(
        line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
    )
    times = (folder / "stat").read_text().rpartition(")")[2].split()
    return Sample(
        minute=minute,
        memory_mb=int(status["VmRSS"].split()[0]) / _MB,
        files=len(list((folder / "fd").iterdir())),
        threads=int(status["Threads"]),
        cpu_s=(int(times[11]) + int(times[12])) / _TICKS,
        requests=requests,
    )


def thirds(samples: Sequence[Sample], warm_up: float) -> tuple[Sequence[Sample], ...]:
    """Divide the samples after the first *warm_up* minutes into three equal parts."""
    kept = [each for each in samples if each.minute >= warm_up] or list(samples)
    third = max(1, len(kept) // 3)
    return kept[:third], kept[third : 2 * third], kept[2 * third :]


def median(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return statistics.median(map(value, samples)) if samples else 0.0


def reads_a_minute(samples: Sequence[Sample]) -> float:
    """Compute the lists, watches and other read requests per minute."""
    if len(samples) < 2:
        return 0.0
    counted = sum((each.requests for each in samples[1:]), Counter[str]())
    reads = sum(n for verb, n in counted.items() if verb == "GET")
    return reads / (samples[-1].minute - samples[0].minute)
