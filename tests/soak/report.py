"""``report`` and ``verdict``: report the measurements of the soak test, and find problems."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from soak.resources import median, reads_a_minute, thirds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soak.run import Soak

WARM_UP = 2.0
"""The minutes at the start of the soak test during which caches can still grow."""
MEMORY = 1.10
READS = 1.5
"""The permitted ratio of read requests between the last and the first third of the test."""
FILES, THREADS = 16, 8
"""The permitted growth: connection pools keep some files and threads open after a fault."""


def percentile(values: Sequence[float], part: float) -> float:
    """Return the percentile of *values* for a fraction *part* between 0 and 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def delays(soak: Soak, side: str, *, disturbed: bool) -> list[float]:
    return [
        each.planned_at - each.at
        for each in soak.changes.made
        if each.planned_at is not None and each.side == side and each.disturbed == disturbed
    ]


def report(soak: Soak) -> str:
    """Return the measurements of the soak test as Markdown."""
    changes, parts = soak.changes, thirds(soak.samples, min(WARM_UP, soak.minute / 5))
    total = {side: sum(each.side == side for each in changes.made) for side in ("Git", "cluster")}
    lines = [
        (
            f"{soak.options.minutes:g} minutes, {soak.options.vms} VMs, seed {soak.options.seed}, "
            f"simulated time {soak.options.scale:g} times faster"
        ),
        "",
        f"- changes: {total['Git']} commits, {total['cluster']} changes in the cluster",
        (
            f"- changes that a rollout corrected between two plans: "
            f"{sum(each.corrected for each in changes.made)}"
        ),
        (
            f"- missed changes: {len(changes.unseen)}; VMs that differ from Git at the end: "
            f"{len(changes.different())}"
        ),
        (
            f"- plans: {changes.n_plans}; seconds for one plan: median "
            f"{statistics.median(changes.plan_s):.3f}, 99th percentile "
            f"{percentile(changes.plan_s, 0.99):.3f}"
        ),
        f"- faults: {', '.join(f'{n} x {name}' for name, n in soak.troubled.items()) or 'none'}",
        "- requests to the API server: "
        + ", ".join(f"{n} {verb}" for verb, n in sorted(soak.requests.items()) if verb != "plans"),
    ]
    if soak.clients:
        answers = ", ".join(f"{n} x {what}" for what, n in sorted(soak.clients.answers.items()))
        lines += [
            (
                f"- answers of serve: {answers}; slowest webhook {soak.clients.slowest_s:.2f} s; "
                f"{soak.clients.event_bytes:,} bytes of events"
            )
        ]
    lines += [
        "",
        "| seconds from change to new plan | changes | median | 99th percentile | most |",
    ]
    lines += ["|---|---|---|---|---|"]
    for side in ("Git", "cluster"):
        for disturbed in (False, True):
            found = delays(soak, side, disturbed=disturbed)
            name = f"{side}, {'during a fault' if disturbed else 'without a fault'}"
            if found:
                cells = (statistics.median(found), percentile(found, 0.99), max(found))
                row = " | ".join(f"{each:.2f}" for each in cells)
                lines.append(f"| {name} | {len(found)} | {row} |")
    lines += ["", "| median of | first third | second third | last third |", "|---|---|---|---|"]
    rows = {
        "memory, MB": [f"{median(p, lambda s: s.memory_mb):.0f}" for p in parts],
        "open files": [f"{median(p, lambda s: s.files):.0f}" for p in parts],
        "threads": [f"{median(p, lambda s: s.threads):.0f}" for p in parts],
        "reads a minute": [f"{reads_a_minute(p):.0f}" for p in parts],
        "CPU, % of a core": [f"{cpu(p):.0f}" for p in parts],
    }
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def cpu(samples: Sequence) -> float:
    first, last = samples[0], samples[-1]
    return 100 * (last.cpu_s - first.cpu_s) / (60 * max(1e-9, last.minute - first.minute))


def verdict(soak: Soak) -> list[str]:
    """Return the problems that the soak test found, each as a sentence."""
    first, _, last = thirds(soak.samples, min(WARM_UP, soak.minute / 5))
    found = []
    if soak.changes.unseen:
        found.append(f"{len(soak.changes.unseen)} changes were never planned")
    if different := soak.changes.different():
        found.append(f"{len(different)} VMs differ from Git, such as {different[0]}")
    for name, least, value in (
        ("memory in MB", MEMORY, lambda s: s.memory_mb),
        ("open files", None, lambda s: s.files),
        ("threads", None, lambda s: s.threads),
    ):
        before, after = median(first, value), median(last, value)
        most = before * least if least else before + {"threads": THREADS}.get(name, FILES)
        if after > most:
            found.append(f"{name} grew from {before:.0f} to {after:.0f}")
    if reads_a_minute(last) > READS * reads_a_minute(first) + 5:
        found.append("the number of reads grew")
    return found
