"""``causes_of``: finds all events and problems about which users must be notified.

The function has no side effects.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.alerts.alert_hold import AlertHoldReason
from reconciler.model.diagnostic import Severity
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.model.service.view import WaitKind
from reconciler.report.wording import origin
from reconciler.rollout.tracking.judge_convergence import FAILURES
from reconciler.serve.notifications.cause import Cause
from reconciler.serve.notifications.rollout_events import of_rollouts
from reconciler.serve.notifications.run_causes import of_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.service.view import ServiceView

REPOSITORY_AGE = timedelta(minutes=15)
"""The time after which an unreachable Git repository is reported; shorter outages are common."""
PROMETHEUS_AGE = timedelta(minutes=5)
"""The time after which an unreachable Prometheus is reported."""
_INFO, _WARNING, _CRITICAL = NotificationSeverity
_Kind = NotificationKind


def causes_of(view: ServiceView) -> tuple[Cause, ...]:
    """Return all events and problems in the ``serve`` state that must be reported."""
    found = (
        *_of_source(view),
        *_of_hold(view),
        *_of_plan(view),
        *of_outcomes(view),
        *of_rollouts(view),
    )
    # A commit concerns all shards in the same way, so only one of them reports it.
    return tuple(
        each for each in found if view.shard == 0 or each.kind is not _Kind.INVALID_COMMIT
    )


def _of_source(view: ServiceView) -> Iterator[Cause]:
    found = view.source.in_force
    if found is not None and found.refused:
        newest = found.refused[0]
        kept = (
            f"{origin(found.commit, dirty=False)} is applied instead"
            if found.commit
            else ("no commit on the branch can be applied")
        )
        yield Cause(
            key=newest.commit,
            kind=_Kind.INVALID_COMMIT,
            severity=_WARNING if found.commit else _CRITICAL,
            reason=newest.reason.value,
            title=f"{origin(newest.commit, dirty=False).capitalize()} is not applied",
            message=f"{newest.message}; {kept}",
            hint="fix the problem, and push a new commit",
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
                message=f"Git polls have failed since {wait.since:%Y-%m-%d %H:%M %Z}: "
                f"{wait.message}",
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
            title="No new change starts, because reconciler cannot read the alerts",
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
            title=f"Some files of {origin(plan.revision, dirty=plan.dirty)} are invalid",
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
