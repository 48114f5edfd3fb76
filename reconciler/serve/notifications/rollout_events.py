"""Finds the start and the end of each commit's rollout, and runs that ended with an error.

The rollout of a commit can consist of several runs. It ends when nothing of the commit is
pending or in progress any more, even if this happens after the last run, or when another commit
replaces it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, ExitCode, Result
from reconciler.model.run.progress import Step
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.report.wording import origin, verdict
from reconciler.rollout.tracking.judge_convergence import FAILURES, is_under_way
from reconciler.serve.notifications.cause import Cause, cause_id
from reconciler.serve.notifications.run_causes import STOPPED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import Outcome, RunReport
    from reconciler.model.run.progress import Progress
    from reconciler.model.service.view import ServiceView

RUN_AGE = timedelta(hours=1)
"""The age above which the start of a rollout, or the error of a run, is no longer reported."""
_CONTINUES = frozenset(
    {ExitCode.ERROR, ExitCode.DEADLINE, ExitCode.LEASE_HELD, ExitCode.INTERRUPTED}
)
"""The exit codes after which the next run continues the rollout of the same commit."""
_LEFT = frozenset({Result.RUNNING, Result.NOT_STARTED})
_CHANGES = frozenset(
    {Step.PATCHED, Step.CREATED, Step.RESTARTED, Step.FOLLOWING, Step.PHASE, Step.DONE}
)
_INFO, _WARNING, _CRITICAL = NotificationSeverity
_Kind = NotificationKind


def reportable(found: Mapping[str, Cause], reported: AbstractSet[str]) -> dict[str, Cause]:
    """Omit the end of a rollout if the end was reported, or if the start was not reported.

    Args:
        found: All events and problems, by identifier.
        reported: The identifiers of the reported events and problems.
    """
    started = found.keys() | reported
    return {
        each: cause
        for each, cause in found.items()
        if not cause.after or (cause.after in started and each not in reported)
    }


def remembered(found: Iterable[Cause], view: ServiceView) -> frozenset[str]:
    """Return the identifiers of the starts and ends of rollouts that must not be forgotten yet.

    The start and the end of a rollout are remembered, and forgotten, together.
    """
    kinds = (_Kind.START, _Kind.END)
    revisions = {each.revision for each in found if each.kind in kinds} | _unfinished(view)
    return frozenset(each for revision in revisions for each in _rollout_ids(revision))


def _rollout_ids(revision: str) -> tuple[str, str]:
    """Return the identifiers of the start and the end of the rollout of a commit."""
    return cause_id(f"{_Kind.START} {revision}"), cause_id(f"{_Kind.END} {revision}")


def of_rollouts(view: ServiceView) -> Iterator[Cause]:
    """Yield the starts, ends and errors of rollouts.

    An end is also yielded for a rollout that changed nothing; such a rollout has no reported
    start.
    """
    if view.run is not None and any(map(_has_begun, view.run.progress.values())):
        yield _start(view.run.plan, view.run.run_id)
    recent = [each for each in reversed(view.runs) if view.at - each.ended_at <= RUN_AGE]
    for report in recent:
        if any(map(_changed, report.outcomes)):
            # A short run can end before the next look.
            yield _start(report.plan, report.run_id)
    yield from _ends_by_plan(view)
    for report in recent:
        if report.exit is ExitCode.ERROR:
            yield _error(report)
        elif _is_final(report) and not _has_held_changes(view.plan, report):
            yield _end_by_report(report)


def _unfinished(view: ServiceView) -> frozenset[str]:
    """Return the commits whose changes are pending or in progress."""
    if view.plan is None or _is_complete(view.plan):
        return _in_progress(view)
    return _in_progress(view) | {view.plan.revision}


def _is_complete(plan: Plan) -> bool:
    return not plan.waves and all(each.effect is not Effect.WAIT for each in plan.decisions)


def _in_progress(view: ServiceView) -> frozenset[str]:
    """Return the commits whose changes are in progress according to the newest plan."""
    decisions = view.plan.decisions if view.plan is not None else ()
    newest = (view.changes.get(each.ref, ())[:1] for each in decisions if is_under_way(each))
    return frozenset(
        each.revision for found in newest for each in found if each.result == Result.RUNNING
    )


def _ends_by_plan(view: ServiceView) -> Iterator[Cause]:
    plan = view.plan
    if plan is None:
        return
    run_ids = {each.plan.revision: each.run_id for each in reversed(view.runs)}
    left = _in_progress(view)
    active = view.run.plan.revision if view.run is not None else None
    for report in view.runs:
        revision = report.plan.revision
        if revision not in {plan.revision, active, *left}:
            message = f"{origin(plan.revision, dirty=plan.dirty)} replaces it"
            yield _end(report.plan, run_ids[revision], message, _INFO)
    if view.run is None and _is_complete(plan):
        failed = any(
            each.effect is Effect.BLOCKED or each.reason in FAILURES for each in plan.decisions
        )
        message = f"no change is pending or in progress; {_by_effect(plan)}"
        severity = _WARNING if failed else _INFO
        yield _end(plan, run_ids.get(plan.revision, ""), message, severity)


def _is_final(report: RunReport) -> bool:
    """Return whether a run has changed objects and left nothing to the next run."""
    if report.exit in _CONTINUES or not any(map(_changed, report.outcomes)):
        return False
    return not any(each.result in _LEFT and each.reason not in STOPPED for each in report.outcomes)


def _has_held_changes(plan: Plan | None, report: RunReport) -> bool:
    """Return whether a later run will change objects that a run has held.

    A maintenance window, an alert or the canaries can hold a change that the plan still contains.
    """
    if plan is None or plan.revision != report.plan.revision:
        return False
    due = {action.ref for wave in plan.waves for action in wave.actions}
    due |= {each.ref for each in plan.decisions if each.effect is Effect.WAIT}
    return any(each.result is Result.HELD and each.ref in due for each in report.outcomes)


def _end_by_report(report: RunReport) -> Cause:
    results = [each.result for each in report.outcomes]
    counts = ", ".join(f"{results.count(each)} {each}" for each in Result if each in results)
    message = f"{verdict(report)}; objects by result: {counts}"
    severity = _INFO if report.exit is ExitCode.DONE else _WARNING
    return _end(report.plan, report.run_id, message, severity)


def _start(plan: Plan, run_id: str) -> Cause:
    return Cause(
        key=plan.revision,
        kind=_Kind.START,
        severity=_INFO,
        reason="start",
        title=f"The rollout of {origin(plan.revision, dirty=plan.dirty)} starts",
        message=_by_effect(plan),
        lasting=False,
        revision=plan.revision,
        run_id=run_id,
    )


def _by_effect(plan: Plan) -> str:
    return "objects by effect: " + ", ".join(f"{n} {each}" for each, n in plan.summary.items())


def _end(plan: Plan, run_id: str, message: str, severity: NotificationSeverity) -> Cause:
    return Cause(
        key=plan.revision,
        kind=_Kind.END,
        severity=severity,
        reason="end",
        title=f"The rollout of {origin(plan.revision, dirty=plan.dirty)} has ended",
        message=message,
        lasting=False,
        after=_rollout_ids(plan.revision)[0],
        revision=plan.revision,
        run_id=run_id,
    )


def _error(report: RunReport) -> Cause:
    plan = report.plan
    return Cause(
        key=f"{plan.revision} error",
        kind=_Kind.FAILURE,
        severity=_CRITICAL,
        reason="error",
        title=f"A run for {origin(plan.revision, dirty=plan.dirty)} ended with an error",
        message=report.message or verdict(report),
        lasting=False,
        revision=plan.revision,
        run_id=report.run_id,
    )


def _has_begun(progress: Progress) -> bool:
    """Return whether a progress step shows that an object is being changed, not only planned."""
    return progress.step in _CHANGES


def _changed(outcome: Outcome) -> bool:
    written = outcome.actuation is Actuation.SUCCEEDED
    return written or outcome.result in (Result.DONE, Result.FAILED)
