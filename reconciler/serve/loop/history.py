"""Keeps a bounded history of plans, rollouts and changes, with pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.plan.plan import Effect
from reconciler.model.plan.plan_forecast import VMForecast
from reconciler.model.run.outcome import Actuation, Result
from reconciler.model.service.view import PlanRecord, VMChange
from reconciler.report.metrics import restart_wait_lines
from reconciler.report.metrics.run_counts import LateChange
from reconciler.rollout.tracking.judge_convergence import FAILURES, is_under_way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.plan.plan import Plan
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.outcome import Outcome, RunReport

MOST_PLANS = 50
MOST_RUNS = 30
MOST_DECISIONS = 20_000
"""The maximum number of decisions in the plans of all remembered runs.

A decision needs about 1 kB. The newest run is always remembered.
"""
MOST_CHANGES = 10
"""The maximum number of remembered changes per VM."""
_UNFINISHED = frozenset({Result.RUNNING, Result.WRITTEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """A change that was still in progress when its rollout ended."""

    revision: str
    """The Git commit that requested the change."""
    patched_at: datetime | None
    run_started_at: datetime
    forecast: VMForecast | None = None
    """The forecast of the last run that contained the change."""


class Followed(NamedTuple):
    """The changes that outlasted their run, after a comparison with the newest plan."""

    changes: dict[ObjectRef, tuple[VMChange, ...]]
    """The change history of all VMs, with newly ended changes."""
    in_flight: dict[ObjectRef, InFlight]
    """The changes that are still in progress."""
    late: tuple[LateChange, ...]
    """The newly completed changes whose duration is known."""


def with_plan(plans: tuple[PlanRecord, ...], plan: Plan, at: datetime) -> tuple[PlanRecord, ...]:
    """Add the newest plan to the plan history, unless it equals the previous plan."""
    if plans and (plans[0].digest, plans[0].revision) == (plan.digest, plan.revision):
        return plans
    summary = {str(effect): n for effect, n in plan.summary.items()}
    newest = PlanRecord(at=at, revision=plan.revision, digest=plan.digest, summary=summary)
    return (newest, *plans)[:MOST_PLANS]


def with_run(runs: tuple[RunReport, ...], report: RunReport) -> tuple[RunReport, ...]:
    """Add the newest run to the run history.

    A run that changed nothing replaces the previous run if the previous run also changed nothing,
    and had the same plan and result. Repeated attempts then do not displace the runs that made
    changes.
    """
    if (
        runs
        and _made_no_change(report)
        and _made_no_change(runs[0])
        and _end(report) == _end(runs[0])
    ):
        runs = runs[1:]
    found = (report, *runs)[:MOST_RUNS]
    total = accumulate(len(each.plan.decisions) for each in found)
    kept = sum(1 for n_decisions in total if n_decisions <= MOST_DECISIONS)
    return found[: max(1, kept)]


def _made_no_change(report: RunReport) -> bool:
    return all(each.actuation is not Actuation.SUCCEEDED for each in report.outcomes)


def _end(report: RunReport) -> tuple[object, ...]:
    return report.plan.digest, report.plan.revision, report.exit, report.message


def with_changes(
    changes: Mapping[ObjectRef, tuple[VMChange, ...]], report: RunReport
) -> dict[ObjectRef, tuple[VMChange, ...]]:
    """Add the changes that a run made or found to the change history of all VMs."""
    found = dict(changes)
    for each in report.outcomes:
        if each.ref.is_vm and each.revision:
            found[each.ref] = _with_change(found.get(each.ref, ()), _change(each, report))
    return found


def _change(outcome: Outcome, report: RunReport) -> VMChange:
    return VMChange(
        run_id=report.run_id,
        revision=outcome.revision,
        at=outcome.ended_at or report.ended_at,
        before=outcome.guest_before,
        after=outcome.guest_now,
        result=str(outcome.result),
        reason=outcome.reason,
        seconds=outcome.seconds,
    )


def _with_change(earlier: tuple[VMChange, ...], newest: VMChange) -> tuple[VMChange, ...]:
    """Add a change to the history of one VM, or complete the entry of an unfinished change."""
    if earlier and earlier[0].result in _UNFINISHED and earlier[0].revision == newest.revision:
        newest = replace(newest, before=earlier[0].before)
        earlier = earlier[1:]
    return (newest, *earlier)[:MOST_CHANGES]


def in_flight_after(
    before: Mapping[ObjectRef, InFlight], report: RunReport
) -> dict[ObjectRef, InFlight]:
    """Return the changes that are still in progress at the end of a run."""
    found = dict(before)
    forecasts = {each.ref: each for each in report.plan.forecast.vms}
    for each in report.outcomes:
        if not each.ref.is_vm:
            continue
        found.pop(each.ref, None)
        if each.result in _UNFINISHED and each.revision:
            found[each.ref] = InFlight(
                revision=each.revision,
                patched_at=each.patched_at,
                run_started_at=report.started_at,
                forecast=forecasts.get(each.ref),
            )
    return found


def followed(
    changes: Mapping[ObjectRef, tuple[VMChange, ...]],
    in_flight: Mapping[ObjectRef, InFlight],
    plan: Plan,
    now: datetime,
) -> Followed:
    """Determine from the newest plan which changes have ended after their run.

    Args:
        changes: The change history of all VMs.
        in_flight: The changes that were in progress when their run ended.
        plan: The newest plan, which shows the progress of each VM.
        now: The current time.
    """
    found, left, late = dict(changes), {}, []
    decisions = {each.ref: each for each in plan.decisions if each.ref in in_flight}
    for ref, change in in_flight.items():
        decision = decisions.get(ref)
        if decision is None:
            continue
        if is_under_way(decision):
            left[ref] = change
            continue
        earlier = found.get(ref, ())
        if not earlier:
            continue
        done, started = decision.effect is Effect.NONE, change.patched_at
        # Otherwise, Git has a new size by now, so whether the guest had this size is unknown.
        unfinished = Result.FAILED if decision.reason in FAILURES else Result.WRITTEN
        seconds = (now - started).total_seconds() if done and started else None
        if seconds is not None:
            run_seconds = (now - change.run_started_at).total_seconds()
            late.append(
                LateChange(seconds=seconds, run_seconds=run_seconds, forecast=change.forecast)
            )
        ended = replace(
            earlier[0],
            at=now,
            result=str(Result.DONE if done else unfinished),
            reason=decision.why.reason,
            after=decision.guest,
            seconds=seconds,
        )
        found[ref] = (ended, *earlier[1:])
    return Followed(found, left, tuple(late))


def without_removed(
    changes: Mapping[ObjectRef, tuple[VMChange, ...]], known: frozenset[ObjectRef]
) -> dict[ObjectRef, tuple[VMChange, ...]]:
    """Remove VMs that neither Git nor the cluster contains from the change history."""
    return {ref: each for ref, each in changes.items() if ref in known}


def restart_since(
    before: Mapping[ObjectRef, datetime],
    plan: Plan,
    now: datetime,
    stored: Mapping[str, datetime] | None = None,
) -> dict[ObjectRef, datetime]:
    """Return when each VM that needs a restart started to wait for the restart.

    Args:
        before: The start times of waits that this process knew before the plan.
        plan: The newest plan.
        now: The current time.
        stored: The start times of waits that an earlier process stored, by digest of the VM.
    """
    found = restart_wait_lines.restart_since(plan, stored or {}, now)
    return {ref: min(before.get(ref, now), since) for ref, since in found.items()}
