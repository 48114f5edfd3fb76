"""Finds the events and failures of rollouts about which users must be notified."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, ExitCode, Result
from reconciler.model.run.progress import Step
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.report.wording import origin, verdict
from reconciler.rollout.tracking.judge_convergence import FAILURES
from reconciler.serve.notifications.cause import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import Outcome, RunReport
    from reconciler.model.run.progress import Progress
    from reconciler.model.service.view import ServiceView

RUN_AGE = timedelta(hours=1)
"""The age above which the end of a rollout is no longer reported."""
_CONTINUES = frozenset({ExitCode.DEADLINE, ExitCode.LEASE_HELD, ExitCode.INTERRUPTED})
"""The exit codes after which the next rollout continues the same changes."""
_CHANGES = frozenset(
    {Step.PATCHED, Step.CREATED, Step.RESTARTED, Step.FOLLOWING, Step.PHASE, Step.DONE}
)
_STOPPED = frozenset({"failure-budget", "no-canary", "canaries-held", "canary-failed"})
"""The reasons why a rollout leaves VMs unchanged until a user acts."""
_INFO, _WARNING, _CRITICAL = NotificationSeverity
_Kind = NotificationKind


def of_outcomes(view: ServiceView) -> Iterator[Cause]:
    """Yield why the newest rollout stopped, and its failures that the plan does not show."""
    plan = view.plan
    if plan is None:
        return
    shown = {each.ref: each for each in plan.decisions}
    run_id, outcomes = _newest_outcomes(view)
    for each in outcomes:
        decision = shown.get(each.ref)
        if decision is None or decision.effect is Effect.NONE or decision.reason in FAILURES:
            continue
        if each.result is Result.FAILED:
            wanted = decision.target.n_bytes if decision.target else ""
            yield Cause(
                key=f"{each.ref} {decision.uid} {each.reason} {wanted}",
                kind=_Kind.FAILURE,
                severity=_WARNING,
                reason=each.reason,
                ref=each.ref,
                message=each.why.message,
                hint=each.why.hint,
                revision=plan.revision,
                run_id=run_id,
            )
    stopped = {each.reason: each for each in outcomes if each.reason in _STOPPED}
    for reason, example in stopped.items():
        yield Cause(
            key=f"{plan.revision} {reason}",
            kind=_Kind.WAITS_FOR_PERSON,
            severity=_CRITICAL,
            reason=reason,
            title=f"The rollout of {origin(plan.revision, dirty=plan.dirty)} has stopped",
            message=example.why.message,
            hint=example.why.hint,
            revision=plan.revision,
            run_id=run_id,
        )


def _newest_outcomes(view: ServiceView) -> tuple[str, tuple[Outcome, ...]]:
    if view.run is not None:
        ended = (each.outcome for each in view.run.progress.values())
        return view.run.run_id, tuple(each for each in ended if each is not None)
    if view.runs:
        return view.runs[0].run_id, view.runs[0].outcomes
    return "", ()


def of_runs(view: ServiceView) -> Iterator[Cause]:
    """Yield the start of the active rollout, and the starts and ends of recent rollouts."""
    if view.run is not None and any(map(_has_begun, view.run.progress.values())):
        yield _start(view.run.plan, view.run.run_id)
    for report in reversed(view.runs):
        if view.at - report.ended_at <= RUN_AGE:
            yield from _of_report(report)


def _start(plan: Plan, run_id: str) -> Cause:
    counts = ", ".join(f"{n} {effect}" for effect, n in plan.summary.items())
    return Cause(
        key=plan.revision,
        kind=_Kind.START,
        severity=_INFO,
        reason="start",
        title=f"The rollout of {origin(plan.revision, dirty=plan.dirty)} starts",
        message=f"number of objects by planned effect: {counts}",
        lasting=False,
        revision=plan.revision,
        run_id=run_id,
    )


def _of_report(report: RunReport) -> Iterator[Cause]:
    source = origin(report.plan.revision, dirty=report.plan.dirty)
    changed = any(map(_changed, report.outcomes))
    if changed:
        yield _start(report.plan, report.run_id)  # a short run may end before anybody looks
    if report.exit is ExitCode.ERROR:
        yield Cause(
            key=f"{report.plan.revision} error",
            kind=_Kind.FAILURE,
            severity=_CRITICAL,
            reason="error",
            title=f"The run for {source} ended with an error",
            message=report.message or verdict(report),
            lasting=False,
            revision=report.plan.revision,
            run_id=report.run_id,
        )
    elif report.exit not in _CONTINUES and changed:
        results = [each.result for each in report.outcomes]
        counts = ", ".join(f"{results.count(each)} {each}" for each in Result if each in results)
        yield Cause(
            key=f"{report.run_id}",
            kind=_Kind.END,
            severity=_INFO if report.exit is ExitCode.DONE else _WARNING,
            reason="end",
            title=f"The rollout of {source} has ended",
            message=f"{verdict(report)}; number of objects by result: {counts}",
            lasting=False,
            revision=report.plan.revision,
            run_id=report.run_id,
        )


def _has_begun(progress: Progress) -> bool:
    """Return whether a progress step shows that an object is being changed, not only planned."""
    return progress.step in _CHANGES


def _changed(outcome: Outcome) -> bool:
    written = outcome.actuation is Actuation.SUCCEEDED
    return written or outcome.result in (Result.DONE, Result.FAILED)
