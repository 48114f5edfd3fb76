"""One write and what its answer means: taken, decide again, failed, or nobody there to answer."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.errors import ClusterError
from reconciler.model.live.live_state import LiveVM
from reconciler.model.plan.plan import Action, Decision, Effect, Verb
from reconciler.model.run.outcome import Actuation, Result
from reconciler.model.run.progress import Step
from reconciler.model.run.write_result import Refusal, Written
from reconciler.plan.patches import annotated
from reconciler.rollout.tracking.tracked_object import TrackedObject
from reconciler.rollout.writes.backoff import Patience

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.ports import Lease
    from reconciler.rollout.run_context import Outside

DECIDE_AGAIN = frozenset({Refusal.GUARD, Refusal.CONFLICT, Refusal.NOT_FOUND, Refusal.EXISTS})
"""The object is not what the decision was made from: read again, decide again."""

INTERNAL_ERROR = 500
"""The API server's own answer where a webhook does not answer it."""
ATTEMPTS = 5
PAUSE_S = 1.0
APPLIED = "memory.reconciler.dev/applied"
"""The annotation that a patched VM gets, if the configuration asks for it."""
EVENTS = {Verb.PATCH: "MemoryPatched", Verb.CREATE: "VMCreated", Verb.RESTART: "RestartAsked"}


@dataclass(slots=True, kw_only=True)
class PendingWrite:
    """One write whose turn it is."""

    course: TrackedObject
    decision: Decision
    """What *action* belongs to."""
    action: Action
    vm: LiveVM | None = None
    """The VM that *decision* was made from; needed to annotate it."""
    written: Written | None = None
    """The answer, where the write was taken."""


class Writes:
    """Sends the writes of one run.

    Args:
        revision: The commit that they carry out.
        annotate: Whether a VM that is patched says so in an annotation.
    """

    def __init__(self, outside: Outside, *, revision: str, annotate: bool) -> None:
        self._outside, self._revision, self._annotate = outside, revision, annotate
        self.patience = Patience()

    def may_send(self, lease: Lease) -> bool:
        """Whether a write may be sent now: asked before each."""
        if self._outside.stopping() or self.patience.pausing(self._outside.clock.monotonic()):
            return False
        return lease.held()

    def send(self, turn: PendingWrite, lease: Lease) -> Written | None:
        """Send one write; None where it was not taken.

        Raises:
            ClusterError: The server's answer ends the run, such as 401.
        """
        self.send_each([turn], lease)
        return turn.written

    def send_each(self, turns: Iterable[PendingWrite], lease: Lease) -> None:
        """Send writes, several at a time, and take the answer of each in.

        Args:
            turns: Of different objects; the next is taken only when it is sent at once.
            lease: No answer is waited for longer than it lasts.

        Raises:
            ClusterError: The server's answer ends the run, such as 401.
        """
        sent: dict[str, PendingWrite] = {}
        ends: list[ClusterError] = []
        open_turns = itertools.takewhile(lambda _turn: not ends, turns)
        answers = self._outside.writer.write_each(
            self._noted(open_turns, sent), timeout_s=lambda: max(1.0, lease.spare_s())
        )
        for action, answer in answers:
            turn = sent.pop(action.id)
            if isinstance(answer, ClusterError):
                # Those under way are waited for: the lease is theirs too.
                self._unanswered(turn, answer, ends)
                continue
            turn.course.unanswered_at = None
            self.patience.well(self._outside.clock.monotonic())
            self._answered(turn, answer)
        if ends:
            raise ends[0]

    def _unanswered(
        self, turn: PendingWrite, error: ClusterError, ends: list[ClusterError]
    ) -> None:
        """A request that was not carried out, as far as is known."""
        if not error.retryable:
            turn.course.unanswered_at = None
            ends.append(error)
        elif error.status == INTERNAL_ERROR:
            # A webhook that fails for one object does so for others only if it is down.
            self._again(turn.course, str(error), "unavailable")
        else:
            self._away(error)

    def _noted(
        self, turns: Iterable[PendingWrite], sent: dict[str, PendingWrite]
    ) -> Iterator[Action]:
        """The request of each turn; until its answer has come, what became of it is in doubt."""
        for turn in turns:
            turn.course.action = turn.action
            turn.course.unanswered_at = self._outside.clock.now()
            sent[turn.action.id] = turn
            yield self._traced(turn.action, turn.vm)

    def _answered(self, turn: PendingWrite, written: Written) -> None:
        course, action = turn.course, turn.action
        if written.refusal is None:
            turn.written = written
            self._taken(course, turn.decision, action, written)
        elif action.verb is Verb.CREATE and written.refusal is Refusal.NOT_FOUND:
            self._failed(course, "namespace-not-found", written.message)
        elif written.refusal in DECIDE_AGAIN:
            self._again(course, written.message)
        else:
            self._failed(course, written.refusal.value, written.message)

    def _traced(self, action: Action, vm: LiveVM | None) -> Action:
        """*action* with the annotation, which is no part of what was approved: it has the time."""
        if not self._annotate or vm is None or action.verb is not Verb.PATCH:
            return action
        said = {
            "revision": self._revision,
            "digest": action.digest,
            "time": f"{self._outside.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        }
        text = json.dumps(said, separators=(",", ":"))
        return replace(action, patch=annotated(action.patch, vm, APPLIED, text))

    def _away(self, error: ClusterError) -> None:
        pause_s = self.patience.failed(error, self._outside.clock.monotonic())
        self._outside.tell(
            Step.BARRIER,
            f"writes pause for {pause_s:.0f} s: {error}",
            reason="unavailable",
        )

    def _taken(
        self, course: TrackedObject, decision: Decision, action: Action, written: Written
    ) -> None:
        outside = self._outside
        course.actuation = Actuation.SUCCEEDED
        course.attempts = 0
        now = outside.clock.now()
        if action.verb is Verb.RESTART:
            course.restarted_at = now
        course.patched_at = course.patched_at or now
        course.written, course.written_at = written.vm, outside.clock.monotonic()
        message = _said(decision, action)
        for warning in written.warnings:
            message += f" (the server warns: {warning})"
        outside.tell(
            {Verb.CREATE: Step.CREATED, Verb.RESTART: Step.RESTARTED}.get(
                action.verb, Step.PATCHED
            ),
            message,
            ref=course.ref,
            reason=decision.reason.value,
            fraction=0.0 if decision.effect is Effect.LIVE else None,
        )
        uid = decision.uid or (written.vm.uid if written.vm else "")
        if uid:
            is_vm = course.ref.kind == "VirtualMachine"
            reason = EVENTS[action.verb] if is_vm else "ConfigPatched"
            outside.recorder.record(course.ref, uid, reason=reason, message=message)

    def _again(
        self, course: TrackedObject, message: str, reason: str = "changed-meanwhile"
    ) -> None:
        course.attempts += 1
        if course.attempts >= ATTEMPTS:
            self._failed(course, reason, f"{message}; given up after {ATTEMPTS} tries")
            return
        pause_s = PAUSE_S * 2 ** (course.attempts - 1)
        course.not_before = self._outside.clock.monotonic() + pause_s
        self._outside.tell(
            Step.FOLLOWING, f"decides again: {message}", ref=course.ref, reason=reason
        )

    def _failed(self, course: TrackedObject, reason: str, message: str) -> None:
        outside = self._outside
        if course.actuation is Actuation.PENDING:
            course.actuation = Actuation.FAILED
        hint = {
            Refusal.FORBIDDEN.value: "grant the rights of examples/deploy",
            "namespace-not-found": "create the namespace, or correct it in Git",
            Refusal.NOT_AS_WRITTEN.value: "a webhook or an older CRD changed the value",
        }.get(reason, "")
        course.end(Result.FAILED, reason, message, hint, outside.clock.now())
        outside.tell(Step.FAILED, message, ref=course.ref, reason=reason, outcome=course.outcome())
        if course.latest.uid:
            outside.recorder.record(
                course.ref,
                course.latest.uid,
                reason="WriteRefused",
                message=f"{reason}: {message}",
                warning=True,
            )


def _said(decision: Decision, action: Action) -> str:
    """What was done, with the values."""
    if action.verb is Verb.RESTART:
        return f"asked for a restart, after which it has {decision.target}"
    text = "; ".join(
        f"{change.field[-1]} {change.before if change.before is not None else 'unset'} -> "
        f"{change.after}"
        for change in decision.changes
        if change.wave is action.wave
    )
    if action.verb is Verb.CREATE:
        return f"created with {decision.target}" if decision.target else "created"
    return text or "patched"
