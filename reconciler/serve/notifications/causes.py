"""``causes_of``: finds everything in a view of the process that a person should know about.

The function has no side effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from reconciler.model.alerts.alert_hold import AlertHoldReason
from reconciler.model.diagnostic import Severity
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import ObjectRef
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.model.run.outcome import Actuation, ExitCode, Result
from reconciler.model.run.progress import Step
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.model.service.view import WaitKind
from reconciler.report.wording import origin, verdict
from reconciler.rollout.tracking.judge_convergence import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.run.outcome import Outcome, RunReport
    from reconciler.model.run.progress import Progress
    from reconciler.model.service.view import ServiceView

RUN_AGE = timedelta(hours=1)
"""The age above which the end of a run is no longer reported."""
REPOSITORY_AGE = timedelta(minutes=15)
"""The time after which an unreachable repository is reported; shorter outages are usual."""
PROMETHEUS_AGE = timedelta(minutes=5)
"""The time after which an unreachable Prometheus is reported."""
_CONTINUES = frozenset({ExitCode.DEADLINE, ExitCode.LEASE_HELD, ExitCode.INTERRUPTED})
"""The results of a run after which the next run continues the same changes."""
_CHANGES = frozenset(
    {Step.PATCHED, Step.CREATED, Step.RESTARTED, Step.FOLLOWING, Step.PHASE, Step.DONE}
)
_STOPPED = frozenset({"failure-budget", "no-canary", "canaries-held", "canary-failed"})
"""The reasons why a run leaves VMs unchanged until somebody acts."""
_INFO, _WARNING, _CRITICAL = NotificationSeverity
_Kind = NotificationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One event or one problem that is reported once."""

    key: str
    """The identity of the cause as a text; equal as long as the cause is the same."""
    kind: NotificationKind
    severity: NotificationSeverity
    reason: str
    ref: ObjectRef | None = None
    """The affected object; None for a run, a commit and the repository."""
    title: str = ""
    """One line for a cause without an object."""
    message: str
    hint: str = ""
    lasting: bool = True
    revision: str = ""
    run_id: str = ""

    @property
    def id(self) -> str:
        """A short digest of the cause's kind and key."""
        return cause_id(f"{self.kind} {self.key}")


def cause_id(text: str) -> str:
    """Return the identifier of a cause: 16 hexadecimal digits."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def causes_of(view: ServiceView) -> tuple[Cause, ...]:
    """Return every cause that holds in a view, in the order in which they are reported."""
    return (
        *_of_source(view),
        *_of_hold(view),
        *_of_plan(view),
        *_of_outcomes(view),
        *_of_runs(view),
    )


def _of_source(view: ServiceView) -> Iterator[Cause]:
    found = view.source.in_force
    if found is not None and found.refused:
        newest = found.refused[0]
        kept = (
            f"{origin(found.commit, dirty=False)} stays in force"
            if found.commit
            else ("no commit of the branch can be applied")
        )
        yield Cause(
            key=newest.commit,
            kind=_Kind.INVALID_COMMIT,
            severity=_WARNING if found.commit else _CRITICAL,
            reason=newest.reason.value,
            title=f"{origin(newest.commit, dirty=False).capitalize()} is not applied",
            message=f"{newest.message}; {kept}",
            hint="correct the cause, and push another commit",
            revision=newest.commit,
        )
    for wait in view.waits:
        if wait.kind is WaitKind.REPOSITORY and view.at - wait.since >= REPOSITORY_AGE:
            yield Cause(
                key="repository",
                kind=_Kind.FAILURE,
                severity=_CRITICAL,
                reason=wait.kind.value,
                title="The Git repository cannot be read",
                message=f"since {wait.since:%Y-%m-%d %H:%M %Z}: {wait.message}",
            )


def _of_hold(view: ServiceView) -> Iterator[Cause]:
    hold = view.hold
    if hold is None or hold.reason is AlertHoldReason.FIRING:
        return
    if hold.reason is AlertHoldReason.NO_PROMETHEUS or view.at - hold.since >= PROMETHEUS_AGE:
        yield Cause(
            key=hold.reason.value,
            kind=_Kind.WAITS_FOR_PERSON,
            severity=_CRITICAL,
            reason=hold.reason.value,
            title="No new change starts, because alerts cannot be read",
            message=hold.message,
            hint=hold.hint,
        )


def _of_plan(view: ServiceView) -> Iterator[Cause]:
    plan = view.plan
    if plan is None:
        return
    errors = [
        each
        for each in plan.diagnostics
        # A rejected commit is reported with the source.
        if each.severity is Severity.ERROR and each.code not in set(RefusalReason)
    ]
    if errors:
        first, rest = errors[0], len(errors) - 1
        at = f"{first.at}: " if first.at else ""
        more = f"; and {plural(rest, 'more error')}" if rest else ""
        yield Cause(
            key=f"{plan.revision} errors",
            kind=_Kind.INVALID_COMMIT,
            severity=_WARNING,
            reason=first.code,
            title=f"A part of {origin(plan.revision, dirty=plan.dirty)} is invalid",
            message=f"{at}{first.message}{more}",
            hint=first.hint,
            revision=plan.revision,
        )
    for decision in plan.decisions:
        kind = _kind_of(decision)
        if kind is not None:
            yield _of_decision(decision, kind, plan)


def _kind_of(decision: Decision) -> NotificationKind | None:
    if decision.reason in FAILURES:
        return _Kind.FAILURE
    if decision.reason is Reason.INVALID_MANIFEST:
        return None  # reported once for the whole commit
    waits = decision.effect is Effect.RESTART and not decision.actions
    if waits or decision.effect is Effect.BLOCKED:
        return _Kind.WAITS_FOR_PERSON
    return None


def _of_decision(decision: Decision, kind: NotificationKind, plan: Plan) -> Cause:
    wanted = decision.target.n_bytes if decision.target else ""
    return Cause(
        key=f"{decision.ref} {decision.uid} {decision.reason} {wanted}",
        kind=kind,
        severity=_WARNING,
        reason=decision.reason.value,
        ref=decision.ref,
        message=decision.why.message,
        hint=decision.why.hint,
        revision=plan.revision,
    )


def _of_outcomes(view: ServiceView) -> Iterator[Cause]:
    """Yield the failures of the newest run that the plan does not show, and why it stopped."""
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


def _of_runs(view: ServiceView) -> Iterator[Cause]:
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
        message=f"objects by effect: {counts}",
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
            title=f"A run for {source} ended with an error",
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
            message=f"{verdict(report)}; objects by result: {counts}",
            lasting=False,
            revision=report.plan.revision,
            run_id=report.run_id,
        )


def _has_begun(progress: Progress) -> bool:
    """Return whether a step shows that an object is being changed, and not only planned."""
    return progress.step in _CHANGES


def _changed(outcome: Outcome) -> bool:
    written = outcome.actuation is Actuation.SUCCEEDED
    return written or outcome.result in (Result.DONE, Result.FAILED)
