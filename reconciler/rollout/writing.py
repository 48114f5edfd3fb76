"""One write and what its answer means: taken, decide again, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ClusterError
from reconciler.model.outcome import Actuation, Result
from reconciler.model.plan import Effect, Verb
from reconciler.model.progress import Step
from reconciler.model.write import Refusal

if TYPE_CHECKING:
    from reconciler.model.plan import Action, Decision
    from reconciler.model.write import Written
    from reconciler.rollout.course import Course
    from reconciler.rollout.outside import Outside

DECIDE_AGAIN = frozenset({Refusal.GUARD, Refusal.CONFLICT, Refusal.NOT_FOUND, Refusal.EXISTS})
"""The object is not what the decision was made from: read again, decide again."""

ATTEMPTS = 5
PAUSE_S = 1.0


def write(course: Course, decision: Decision, action: Action, outside: Outside) -> Written | None:
    """Send *action*; None where it was not taken.

    Raises:
        ClusterError: The server's answer ends the run, such as 401.
    """
    course.action = action
    try:
        written = outside.writer.write(action)
    except ClusterError as error:
        if not error.retryable:
            raise
        _again(course, "unavailable", str(error), outside)
        return None
    if written.refusal is None:
        _taken(course, decision, action, written, outside)
        return written
    if action.verb is Verb.CREATE and written.refusal is Refusal.NOT_FOUND:
        _failed(course, "namespace-not-found", written.message, outside)
        return None
    if written.refusal in DECIDE_AGAIN:
        _again(course, "changed-meanwhile", written.message, outside)
        return None
    _failed(course, written.refusal.value, written.message, outside)
    return None


def _taken(
    course: Course, decision: Decision, action: Action, written: Written, outside: Outside
) -> None:
    course.actuation = Actuation.SUCCEEDED
    course.attempts = 0
    course.patched_at = outside.clock.now()
    course.written, course.written_at = written.vm, outside.clock.monotonic()
    created = action.verb is Verb.CREATE
    text = "; ".join(
        f"{change.field[-1]} {change.before if change.before is not None else 'unset'} -> "
        f"{change.after}"
        for change in decision.changes
        if change.wave is action.wave
    )
    message = ("created" if created else "patched") + (f": {text}" if text else "")
    for warning in written.warnings:
        message += f" (the server warns: {warning})"
    outside.tell(
        Step.CREATED if created else Step.PATCHED,
        message,
        ref=course.ref,
        reason=decision.reason.value,
        fraction=0.0 if decision.effect is Effect.LIVE else None,
    )
    if decision.uid:
        reason = "MemoryPatched" if course.ref.kind == "VirtualMachine" else "ConfigPatched"
        outside.recorder.record(course.ref, decision.uid, reason=reason, message=message)


def _again(course: Course, reason: str, message: str, outside: Outside) -> None:
    course.attempts += 1
    if course.attempts >= ATTEMPTS:
        _failed(course, reason, f"{message}; given up after {ATTEMPTS} tries", outside)
        return
    course.not_before = outside.clock.monotonic() + PAUSE_S * 2 ** (course.attempts - 1)
    outside.tell(Step.FOLLOWING, f"decides again: {message}", ref=course.ref, reason=reason)


def _failed(course: Course, reason: str, message: str, outside: Outside) -> None:
    course.actuation = Actuation.FAILED
    hint = {
        Refusal.FORBIDDEN.value: "grant the rights of examples/deploy",
        "namespace-not-found": "create the namespace, or correct it in Git",
        Refusal.NOT_AS_WRITTEN.value: "a webhook or an older CRD changed the value",
    }.get(reason, "")
    course.end(Result.FAILED, reason, message, hint, outside.clock.now())
    outside.tell(Step.FAILED, message, ref=course.ref, reason=reason)
    if course.latest.uid:
        outside.recorder.record(
            course.ref,
            course.latest.uid,
            reason="WriteRefused",
            message=f"{reason}: {message}",
            warning=True,
        )
