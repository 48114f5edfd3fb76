"""Formats benchmark measurements and their targets as a Markdown table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench import applying, server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.figures import Alone, Figures
    from bench.following import Followed

TIMES = "\N{MULTIPLICATION SIGN}"
TARGET_VMS = 10_000
"""The smallest fleet with ratio targets; for smaller fleets, the process start dominates."""
OTHER_REQUESTS = 12
"""The permitted requests of a plan besides the pages of VMs, VMIs and migrations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One benchmark measurement and its target."""

    work: str
    measured: str
    against: str = ""
    value: float | None = None
    """The measured value, which the target limits, or None if nothing was measured."""
    limit: float = 0.0
    unit: str = ""
    """The unit of the measured value and of the limit, or '' for a ratio."""
    least: bool = False
    """Whether the limit of the target is a minimum."""
    judged: bool = True
    """Whether the target applies to the size of the measured fleet."""

    @property
    def met(self) -> bool | None:
        if self.value is None or not self.judged:
            return None
        return self.value >= self.limit if self.least else self.value <= self.limit

    def cells(self) -> tuple[str, ...]:
        target = f"{'≥' if self.least else '≤'} {self.limit:,.4g} {self.unit or TIMES}"
        if self.value is None:
            return (self.work, self.measured, self.against, "", target, "not measured")
        digits = ",.0f" if self.value >= 100 else ",.3g"
        value = f"{self.value:{digits}} {self.unit or TIMES}"
        met = {True: "yes", False: "no", None: f"for {TARGET_VMS:,}"}[self.met]
        return self.work, self.measured, self.against, value, target, met


def seconds(value: float) -> str:
    return f"{value:,.2f} s" if value >= 1 else f"{value * 1e3:,.0f} ms"


def rows(found: Figures) -> Iterator[Row]:
    """Return one row per target; ratio targets apply only to fleets of ``TARGET_VMS`` and more."""
    large = found.n_vms >= TARGET_VMS
    return (replace(row, judged=large or bool(row.unit)) for row in _rows(found))


def _rows(found: Figures) -> Iterator[Row]:
    plan, whole_s, lists_s = found.plan, found.floor("whole_s"), found.floor("list_s")
    decode_cpu_s = found.floor("decode_cpu_s")
    yield Row(
        work="`plan`, cold, whole process",
        measured=seconds(plan.wall_s),
        against=f"floor {seconds(whole_s)}",
        value=plan.wall_s / whole_s,
        limit=1.5,
    )
    warm = found.warm
    none = "no `--cache-dir` yet"
    yield Row(
        work="`plan`, warm cache",
        measured=seconds(warm.wall_s) if warm else none,
        against=f"LISTs {seconds(lists_s)}",
        value=warm.wall_s / lists_s if warm else None,
        limit=1.25,
    )
    yield Row(
        work="CPU time of a warm plan",
        measured=seconds(warm.cpu_s) if warm else f"{none}; cold {seconds(plan.cpu_s)}",
        against=f"decoding with orjson {seconds(decode_cpu_s)}",
        value=warm.cpu_s / decode_cpu_s if warm else None,
        limit=2.5,
    )
    pages = int(found.floor("pages"))
    yield Row(
        work="requests of a plan",
        measured="only the simulated server counts" if found.requests is None else "",
        against=f"{pages} pages",
        value=found.requests,
        limit=pages + OTHER_REQUESTS,
        unit="requests",
    )
    yield Row(
        work="peak memory of a plan",
        measured="cold",
        value=plan.peak_mb,
        limit=memory_limit_mb(found.n_vms),
        unit="MB",
    )
    source_s = found.floor("source_s")
    yield Row(
        work=f"`validate` of {found.n_manifests:,} manifest files, cold",
        measured=seconds(found.validate.wall_s),
        against=f"git and ryaml {seconds(source_s)}",
        value=found.validate.wall_s / source_s,
        limit=6,
    )
    yield _followed(found)
    yield _applied(found)
    yield _foreign(found)
    yield from _rendered(found)
    late = ", ".join(found.imported)
    yield Row(
        work="`reconciler --help`",
        measured=f"imports {late}" if late else "imports no cluster or Git library",
        value=found.start.wall_s,
        limit=0.3,
        unit="s",
    )


def _rendered(found: Figures) -> Iterator[Row]:
    """Compare the CPU time for rendering a plan as HTML and SARIF with that for the decisions."""
    for form in ("html", "sarif"):
        work = f"CPU time of `-o {form}`"
        if form not in found.sizes:
            yield Row(work=work, measured="not requested", limit=1.5)
            continue
        _, cpu_s = found.phases[f"render {form}"]
        _, decide_s = found.phases["decide, as a plan does"]
        yield Row(
            work=work,
            measured=f"{seconds(cpu_s)}, {found.sizes[form] / 1e6:.1f} MB",
            against=f"the decisions {seconds(decide_s)}",
            value=cpu_s / decide_s,
            limit=1.5,
        )


def _followed(found: Figures) -> Row:
    followed = found.followed
    return Row(
        work="`serve`: one VM changed in Git, one in the cluster",
        measured=f"GETs meanwhile: {followed.requests}" if followed else "not requested",
        against="",
        value=followed and followed.settled.plan_s * 1e3,
        limit=200,
        unit="ms",
    )


def _foreign(found: Figures) -> Row:
    rates = found.foreign
    return Row(
        work="files without a VM or KubeVirt",
        measured=", ".join(f"{each} {rate:,.0f} MB/s" for each, rate in rates.items()),
        value=min(rates.values()),
        limit=50,
        unit="MB/s",
        least=True,
    )


def _applied(found: Figures) -> Row:
    applied = found.applied
    work = "`apply`: patches per second"
    if applied is None:
        return Row(work=work, measured="not requested", limit=10, least=True)
    return Row(
        work=f"{work}, {applied.n_patches} changed VMs",
        measured=f"{applied.per_s:,.0f}/s",
        against=f"one by one {applied.one_by_one_per_s:,.0f}/s",
        value=applied.per_s / applied.one_by_one_per_s,
        limit=10,
        least=True,
    )


def memory_limit_mb(n_vms: int) -> float:
    """Return the memory limit in MB: 250 up to 10,000 VMs, growing to 1,200 at 100,000 VMs."""
    return 250 + 950 * max(n_vms - 10_000, 0) / 90_000


def growth(found: Sequence[Figures], alone: Sequence[Alone] = ()) -> Iterator[Row]:
    """Yield rows that compare the plans of fleets whose sizes differ tenfold.

    Without a fleet of 100,000 VMs, the last row says how to measure one.
    """
    pairs = [(a, b) for a in found for b in (*found, *alone) if b.n_vms == 10 * a.n_vms]
    for small, large in pairs:
        cpu = f"CPU time {seconds(small.plan.cpu_s)} and {seconds(large.plan.cpu_s)}"
        yield Row(
            work=f"`plan` of {large.n_vms:,} VMs",
            measured=seconds(large.plan.wall_s),
            against=f"{small.n_vms:,} VMs {seconds(small.plan.wall_s)}; {cpu}",
            value=large.plan.wall_s / small.plan.wall_s,
            limit=11,
        )
    for each in alone:
        yield Row(
            work=f"peak memory of a plan of {each.n_vms:,} VMs",
            measured=f"once; load average before {each.load:.1f}",
            value=each.plan.peak_mb,
            limit=memory_limit_mb(each.n_vms),
            unit="MB",
        )
    if not any(large.n_vms == 100_000 for _, large in pairs):
        give = "run with `--vms 10000 --plan-alone 100000`"
        yield Row(work="`plan` of 100,000 VMs", measured=give, limit=11)


PEERS = (
    "Other tools in the same run, medians. They send requests per VM, and the simulated server "
    "responds immediately; on a real server, `kubectl diff` took 75 ms per VM."
)
PEERS_HEAD = ("peer", "VMs", "time", "at that rate, all VMs", "against the cold plan")
HEAD = ("work", "measured", "against", "result", "target", "met")


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table whose columns are also aligned in the source."""
    every = [tuple(head), *(tuple(line) for line in lines)]
    widths = [max(len(line[n]) for line in every) for n in range(len(head))]
    rule = tuple("-" * width for width in widths)
    shown = (every[0], rule, *every[1:])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in shown
    )


def report(found: Sequence[Figures], alone: Sequence[Alone], about: str) -> str:
    """Return the benchmark report as Markdown; *about* describes the machine and the time."""
    parts = ["# Figures of one run of `make bench`", about]
    for each in found:
        about_fleet = (
            f"{each.n_changed:,} changed, {each.n_manifests:,} manifest files, "
            f"{each.n_finished:,} finished migrations; medians of {each.repeat} runs; "
            f"load average before: {each.load:.1f}."
        )
        parts += [
            f"## {each.n_vms:,} VMs",
            about_fleet,
            markdown(HEAD, (row.cells() for row in rows(each))),
            _floor(each),
        ]
        if each.phases:
            lines = [(n, seconds(w), seconds(c)) for n, (w, c) in each.phases.items()]
            parts += [
                "Phases of a plan, one after the other in one process:",
                markdown(("phase", "time", "CPU time"), lines),
            ]
        if each.peers:
            parts += [PEERS, markdown(PEERS_HEAD, _peers(each))]
    parts += ["## Growth", markdown(HEAD, (row.cells() for row in growth(found, alone)))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _floor(found: Figures) -> str:
    floor = (
        f"Floor (minimum work in sequence): LISTs {seconds(found.floor('list_s'))} "
        f"({found.floor('pages'):.0f} pages, {found.floor('n_bytes') / 1e6:.1f} MB), "
        f"including {seconds(found.floor('decode_s'))} for decoding; "
        f"git {seconds(found.floor('git_s'))}; ryaml {seconds(found.floor('yaml_s'))}."
    )
    parts = [floor]
    if found.gets:
        gets = ", ".join(f"{kind} {n}" for kind, n in found.gets.items())
        parts.append(f"GETs of one plan: {gets}.")
    if found.unpaced is not None and found.server_cpu_s is not None:
        own_s = found.unpaced.list_s - found.unpaced.decode_s
        parts.append(
            f"Paced to {server.LISTED_PER_S:,.0f} objects per second on one list; unpaced, the "
            f"server answers the same LISTs in {seconds(own_s)}. One plan costs it "
            f"{seconds(found.server_cpu_s)} of CPU time."
        )
    if found.followed is not None:
        settled, pending = found.followed.settled, found.followed.pending
        parts.append(
            "`serve`, medians of five rounds, without pending changes: "
            f"{_state(settled)}. With {found.n_changed:,} changes pending: {_state(pending)}."
        )
    if found.applied is not None:
        cpu_s = found.applied.server_cpu_s / max(found.applied.n_patches, 1)
        parts.append(
            f"In the test of `apply`, a write takes {seconds(applying.WRITE_S)} on the server, "
            f"including at most {seconds(cpu_s)} of CPU time; the changed VMs are stopped."
        )
    return "\n\n".join(parts)


def _state(followed: Followed) -> str:
    return (
        f"reading Git {seconds(followed.pull_s)}, the plan "
        f"{seconds(followed.plan_s - followed.pull_s)}, {seconds(followed.cpu_s)} of CPU time in "
        f"all, at most {followed.decided} VMs planned again"
    )


def _peers(found: Figures) -> Iterator[tuple[str, ...]]:
    for each in found.peers:
        name, vms = f"`{each.name}`", f"{each.n_vms:,}"
        if each.wall_s is None:
            yield name, vms, f"not measured: {each.why_not}", "", ""
            continue
        rate = each.wall_s / each.n_vms
        whole_s = rate * found.n_vms
        times = f"{whole_s / found.plan.wall_s:,.3g} {TIMES}"
        yield name, vms, f"{seconds(each.wall_s)}, {seconds(rate)} each", seconds(whole_s), times
