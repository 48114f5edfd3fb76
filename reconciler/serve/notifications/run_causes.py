"""Finds the failures and stops of rollouts about which users must be notified."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Result
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.report.wording import origin
from reconciler.rollout.tracking.judge_convergence import FAILURES
from reconciler.serve.notifications.cause import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.run.outcome import Outcome
    from reconciler.model.service.view import ServiceView

STOPPED = frozenset({"failure-budget", "no-canary", "canaries-held", "canary-failed"})
"""The reasons why a rollout leaves VMs unchanged until a user acts."""
_, _WARNING, _CRITICAL = NotificationSeverity
_Kind = NotificationKind


class _Found(NamedTuple):
    """The results that the newest run has reported so far, and the plan that it applies."""

    run_id: str
    plan: Plan
    outcomes: tuple[Outcome, ...]


def of_outcomes(view: ServiceView) -> Iterator[Cause]:
    """Yield why the newest rollout stopped, and its failures that the plan does not show.

    The newest plan can be of a later commit than the run. The failure of an object counts until a
    plan has another desired state for the object. The stop counts until another commit is planned,
    because ``serve`` then starts a new rollout.
    """
    plan, found = view.plan, _newest(view)
    if plan is None or found is None:
        return
    yield from _failures(found, plan)
    if found.plan.revision != plan.revision:
        return
    stopped = {each.reason: each for each in found.outcomes if each.reason in STOPPED}
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
