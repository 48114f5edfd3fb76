"""Finds the events and failures of rollouts about which users must be notified."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, ExitCode, Result
from reconciler.model.run.progress import Step
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.report.wording import origin, verdict
from reconciler.rollout.tracking.judge_convergence import FAILURES
from reconciler.serve.notifications.cause import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.plan import Decision, Plan
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


class _Found(NamedTuple):
    """The results that the newest run has reported so far, and the plan that it applies."""

    run_id: str
    plan: Plan
    outcomes: tuple[Outcome, ...]


def of_outcomes(view: ServiceView) -> Iterator[Cause]:
    """Yield why the newest rollout stopped, and its failures that the plan does not show.

    The newest plan can be of a later commit than the run. The failure of an object counts until
    a plan has another desired state for the object, and the stop until another commit is planned,
    because ``serve`` then starts a new rollout.
    """
    plan, found = view.plan, _newest(view)
    if plan is None or found is None:
        return
    yield from _failures(found, plan)
    if found.plan.revision != plan.revision:
        return
    stopped = {each.reason: each for each in found.outcomes if each.reason in _STOPPED}
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
            run_id=found.run_id,
        )


def _failures(found: _Found, newest: Plan) -> Iterator[Cause]:
    now = {each.ref: each for each in newest.decisions}
    then = {each.ref: each for each in found.plan.decisions}
    same_commit = found.plan.revision == newest.revision
    for each in found.outcomes:
        decision, tried = now.get(each.ref), then.get(each.ref)
        if each.result is not Result.FAILED or decision is None or tried is None:
            continue
        if decision.effect is Effect.NONE or decision.reason in FAILURES:
            continue
        if not same_commit and _desired(decision) != _desired(tried):
            continue
        wanted = tried.target.n_bytes if tried.target else ""
        yield Cause(
            key=f"{each.ref} {decision.uid} {each.reason} {wanted}",
            kind=_Kind.FAILURE,
            severity=_WARNING,
            reason=each.reason,
            ref=each.ref,
            message=each.why.message,
            hint=each.why.hint,
            revision=found.plan.revision,
            run_id=found.run_id,
        )


def _desired(decision: Decision) -> object:
    """Return the desired memory of a VM, or the values to write to another object."""
    if decision.target is not None:
        return decision.target.n_bytes
    return [(each.field, each.after) for each in decision.changes]


def _newest(view: ServiceView) -> _Found | None:
    if (run := view.run) is not None:
        ended = (each.outcome for each in run.progress.values())
        return _Found(run.run_id, run.plan, tuple(each for each in ended if each is not None))
    if view.runs:
        return _Found(view.runs[0].run_id, view.runs[0].plan, view.runs[0].outcomes)
    return None


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
