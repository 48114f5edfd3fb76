"""Contains phrases that all output formats share, such as counts, sizes and durations."""

from __future__ import annotations

import math
import re
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.fields import NameSet, SettingValue
from reconciler.model.phrases import listed_refs, plural
from reconciler.model.plan.plan import Effect, Verb
from reconciler.model.quantity import MemoryQuantity, canonical, human
from reconciler.model.run.outcome import ExitCode, Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.plan.plan import Change, Decision, Plan, Wave
    from reconciler.model.plan.plan_forecast import Forecast, VMForecast
    from reconciler.model.references import Location, ObjectRef
    from reconciler.model.revision.commit_in_force import CommitInForce
    from reconciler.model.run.outcome import RunReport

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MINUTE, _HOUR = 60, 3600
_MAX_NAMESPACES = 5
_MAX_RESTARTS = 20

NO_CANCEL = (
    "KubeVirt cannot cancel a memory change that has started: it rejects a revert to the old "
    "size until the change has finished; the revert then migrates the VM a second time."
)
"""A warning that KubeVirt cannot cancel a memory change.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3484-3487.
"""

ATTENTION = (
    Effect.BLOCKED,
    Effect.RESTART,
    Effect.WAIT,
    Effect.CONFIG,
    Effect.CREATE,
    Effect.LIVE,
    Effect.COLD,
    Effect.NONE,
)
"""How planned changes take effect (blocked, by a restart, live, …), most urgent first."""

MEANING: Mapping[ExitCode, str] = {
    ExitCode.DONE: "the cluster matches the desired state, or every patch was accepted and the run"
    " did not wait for the guests",
    ExitCode.ERROR: "an error ended the run",
    ExitCode.CHANGES: "changes are pending",
    ExitCode.INVALID: "part of the desired state is invalid",
    ExitCode.BLOCKED: "some objects in Git are blocked, wait, or need a restart",
    ExitCode.FAILED: "some changes of the rollout failed",
    ExitCode.DEADLINE: "the run stopped while changes were in progress; the next run continues"
    " them",
    ExitCode.LEASE_HELD: "another run holds the lease",
    ExitCode.STALE: "an approved change is out of date and was not applied",
    ExitCode.USAGE: "the command line is invalid",
    ExitCode.INTERRUPTED: "the run was interrupted",
}


_CONVERGED = "the cluster matches the desired state"
_WRITTEN = "every patch was accepted; the run did not wait for the guests"


def verdict(run: RunReport) -> str:
    """Return a clause without a full stop that explains the exit code of a run."""
    if run.exit is not ExitCode.DONE:
        return MEANING[run.exit]
    written = any(each.result is Result.WRITTEN for each in run.outcomes)
    return _WRITTEN if written else _CONVERGED


def excuse(code: ExitCode) -> str:
    """Explain why the process exits with 0 although the run has a different exit code."""
    return (
        f"the exit code would be {code.value} with --detailed-exitcode; `reconcile` returns 0 "
        "instead, because the next run continues by itself"
    )


def by_attention(plan: Plan) -> list[Decision]:
    """Return the planned changes, most urgent first; objects that need no change are omitted."""
    rank = {effect: number for number, effect in enumerate(ATTENTION)}
    shown = [each for each in plan.decisions if each.effect is not Effect.NONE]
    return sorted(shown, key=lambda each: rank[each.effect])


def name_of(ref: ObjectRef) -> str:
    """Return an object's namespace and name, with the kind in front if the object is not a VM."""
    return ref.namespaced_name if ref.is_vm else str(ref)


def origin(revision: str, *, dirty: bool) -> str:
    """Return the short hash of a commit, or the full name of a source other than a commit."""
    short = f"commit {revision[:12]}" if is_commit(revision) else revision
    return f"{short} with uncommitted changes" if dirty else short


def signed(found: CommitInForce | None) -> str:
    """Return who signed the applied commit, or an empty string if the signer is unknown."""
    return f"signed by {found.signer}" if found is not None and found.signer else ""


def is_commit(revision: str) -> bool:
    """Return whether a revision is a Git commit hash."""
    return _COMMIT.fullmatch(revision) is not None


def short_digest(digest: str) -> str:
    """Return the first twelve characters of a plan's digest, or ``-`` if the digest is empty."""
    return digest.removeprefix("sha256:")[:12] or "-"


def utc_time(at: datetime) -> str:
    """Format a time in UTC for users."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def written_to(change: Change) -> str:
    """Return the object and field that receive a KubeVirt change instead of the KubeVirt CR.

    The result is empty if the change is written to the KubeVirt CR.
    """
    written = change.written
    if written is None:
        return ""
    target = written.target
    return f"{target.ref} ({target.ref.group}/{target.version}) {'.'.join(written.path)}"


def spelled(value: SettingValue | None) -> str:
    """Format a value as it is written in Git or the cluster; a number of bytes gets a unit."""
    match value:
        case None:
            return "(not set)"
        case bool():
            return str(value).lower()
        case MemoryQuantity(raw=int()):
            return canonical(value.n_bytes)
        case NameSet() | MemoryQuantity() | int() | str():
            return str(value)
        case _:
            return value.raw


def location(at: Location | None) -> str:
    """Format a location as ``path:line:column``, or as ``-`` if the value is not in Git."""
    return str(at) if at else "-"


def nodes(source: str | None, target: str | None) -> str:
    """Format a migration's nodes with a leading space, or return '' if both are unknown."""
    return f" {source or '?'} -> {target or '?'}" if source or target else ""


def counts(summary: Mapping[Effect, int]) -> str:
    """Format the number of objects by effect, such as ``1 config, 3 live, 12 unchanged``."""
    words = [f"{n} {effect}" for effect, n in summary.items() if effect is not Effect.NONE]
    unchanged = summary.get(Effect.NONE, 0)
    if unchanged or not words:
        words.append(f"{unchanged} unchanged")
    return ", ".join(words)


def costs(forecast: Forecast) -> str:
    """Return a sentence with the number, memory and duration of a plan's migrations.

    The sentence is empty if the plan causes no migration.
    """
    if not (parts := load(forecast)):
        return ""
    return f"{parts}, done in {span(forecast.earliest_s, forecast.latest_s)}."


def load(forecast: Forecast) -> str:
    """Return a clause about the memory that a plan's migrations copy and additionally request.

    The clause is empty if the plan causes no migration.
    """
    if not forecast.migrations:
        return ""
    migrations, copied = plural(forecast.migrations, "migration"), human(forecast.n_bytes_copied)
    parts = [f"Memory: {migrations}", f"{copied} to copy"]
    if total := forecast.peak_extra_total:
        peaks = forecast.peak_extra_requests
        when = "" if sum(peaks.values()) == total else " at one time"
        at = "the largest amount in each namespace, at different times: " if when else ""
        requests = f"{human(total)} of additional memory requests{when}"
        parts.append(f"at most {requests} ({at}{_largest(peaks)})")
    return ", ".join(parts)


def restarts(wave: Wave) -> str:
    """Return a sentence (without a full stop) that lists the VMs that the plan restarts."""
    names = listed_refs((each.ref for each in wave.actions), _MAX_RESTARTS)
    count = len(wave.actions)
    subject = "1 VM is" if count == 1 else f"{count} VMs are"
    words = "restarted immediately after the new size is written, because `restart` permits this"
    return f"{subject} {words}: {names}"


def eta(decision: Decision, forecast: VMForecast | None) -> str:
    """Return when a planned change will take effect, relative to the start of the run."""
    if forecast is not None:
        return span(forecast.earliest_s, forecast.latest_s)
    match decision.effect:
        case Effect.COLD | Effect.CREATE:
            return "at start"
        case Effect.RESTART if any(each.verb is Verb.RESTART for each in decision.actions):
            return "restarted"
        case Effect.RESTART:
            return "at restart"
        case _:
            return "-"


def span(earliest_s: float, latest_s: float) -> str:
    """Format a range of durations; the lower bound is rounded down, the upper bound up."""
    low, high = _rough(earliest_s, up=False), _rough(latest_s, up=True)
    return low if low == high else f"{low}-{high}"


def duration(seconds: float) -> str:
    """Format a duration in seconds with common units, such as ``4.2s``, ``42s`` or ``3m20s``."""
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    if whole < _HOUR:
        return _joined((whole // _MINUTE, "m"), (whole % _MINUTE, "s"))
    return _joined((whole // _HOUR, "h"), (whole % _HOUR // _MINUTE, "m"))


def forecasts(plan: Plan) -> dict[ObjectRef, VMForecast]:
    """Map the namespace and name of each VM to its forecast times."""
    return {each.ref: each for each in plan.forecast.vms}


def from_and_to(decision: Decision) -> tuple[str, str]:
    """Return the old and new value of the first planned change.

    If no field changes, return the guest's current memory and the target memory.
    """
    if decision.changes:
        first = decision.changes[0]
        return ("-" if first.before is None else spelled(first.before)), spelled(first.after)
    sizes = (decision.guest, decision.target)
    has, wants = (str(each) if each is not None else "-" for each in sizes)
    return has, wants


def _largest(by_namespace: Mapping[str, int]) -> str:
    """Format the additional memory requests: one value for each of the largest namespaces.

    The last value is the sum for all other namespaces.
    """
    ranked = sorted(by_namespace.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{name} {human(n)}" for name, n in ranked[:_MAX_NAMESPACES] if n]
    rest = [n for _, n in ranked[_MAX_NAMESPACES:] if n]
    if rest:
        parts.append(f"{len(rest)} more namespaces {human(sum(rest))}")
    return ", ".join(parts)


def _rough(seconds: float, *, up: bool) -> str:
    step = 1 if seconds < 2 * _MINUTE else _MINUTE
    whole = (math.ceil if up else math.floor)(seconds / step) * step
    return duration(whole)


def _joined(*parts: tuple[int, str]) -> str:
    return "".join(f"{n}{unit}" for n, unit in parts if n)
