"""``Writes``: sends write requests and determines what each response means for its object."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.errors import ClusterError
from reconciler.escaping import json_text
from reconciler.model.annotations import APPLIED
from reconciler.model.explanation import Explanation
from reconciler.model.live.live_state import LiveVM
from reconciler.model.phrases import changed
from reconciler.model.plan.plan import Action, Decision, Effect, Verb
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.model.run.write_result import Refusal
from reconciler.plan.patches import annotated
from reconciler.rollout.tracking.tracked_object import Cause, FinalResult, TrackedObject
from reconciler.rollout.writes.own_writes import OwnWrites
from reconciler.rollout.writes.write_pause import WritePause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.run.write_result import Written
    from reconciler.ports import Lease
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.close_object import ObjectCloser

DECIDE_AGAIN = frozenset({Refusal.GUARD, Refusal.CONFLICT, Refusal.NOT_FOUND, Refusal.EXISTS})
"""Kinds of rejection that show that the object has changed, so that it is planned again."""

INTERNAL_ERROR = 500
"""The HTTP status of the API server's response if an admission webhook does not respond."""
ATTEMPTS = 5
PAUSE_S = 1.0
"""The pause in seconds after the first failed write; it doubles with each further failure."""
EVENTS = {Verb.PATCH: "MemoryPatched", Verb.CREATE: "VMCreated", Verb.RESTART: "RestartAsked"}
_STEPS = {Verb.PATCH: Step.PATCHED, Verb.CREATE: Step.CREATED, Verb.RESTART: Step.RESTARTED}
_NO_NAMESPACE = "namespace-not-found"
_HINTS = {
    Refusal.FORBIDDEN.value: "grant the reconciler the permissions in examples/deploy",
    _NO_NAMESPACE: "create the namespace, or correct it in Git",
    Refusal.NOT_AS_WRITTEN.value: (
        "check for a webhook that changes the value, and for an older CRD that drops it"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWrite:
    """A write that is about to be sent."""

    tracked: TrackedObject
    decision: Decision
    """The decision that contains the write to send."""
    action: Action
    vm: LiveVM | None = None
    """The live VM on which the decision is based; needed to annotate the VM."""


class Writes:
    """Sends the writes of one run.

    Args:
        revision: The Git commit that the writes apply.
        annotate: Whether each patched VM gets an annotation about the write.
    """

    def __init__(
        self, run: RunContext, closer: ObjectCloser, *, revision: str, annotate: bool
    ) -> None:
        self._run, self.closer = run, closer
        self._revision, self._annotate = revision, annotate
        self.pause = WritePause()
        self.own = OwnWrites(run.clock)

    def may_send(self, lease: Lease) -> bool:
        """Return whether the run is allowed to send a write now; call this before each write."""
        if self._run.stopping() or self.closer.bug is not None:
            return False
        if self.pause.lasts(self._run.clock.monotonic()):
            return False
        return lease.held()

    def send(self, writes: Iterable[PendingWrite], lease: Lease) -> list[PendingWrite]:
        """Send several writes concurrently, and handle each response when it arrives.

        Returns:
            The writes that the API server accepted.

        Args:
            writes: Writes to different objects; each write is taken from the iterable only when it
                can be sent.
            lease: The lease for the writes; no request waits longer for a response than the lease
                is valid.

        Raises:
            ClusterError: The API server's response, for example 401, ends the run.
        """
        sent: dict[str, PendingWrite] = {}
        accepted: list[PendingWrite] = []
        fatal: list[ClusterError] = []
        allowed = itertools.takewhile(lambda _write: not fatal, writes)
        answers = self._run.writer.write_each(
            self._requests(allowed, sent), timeout_s=lambda: max(1.0, lease.valid_s())
        )
        for action, answer in answers:
            write = sent.pop(action.id)
            if isinstance(answer, ClusterError):
                # Wait for the responses to all requests, because the lease protects them too.
                self._handle_error(write, answer, fatal)
                continue
            self.pause.answered(self._run.clock.monotonic())
            with self.closer.guard(write.tracked):
                if answer.refusal is None:
                    accepted.append(write)
                    self._accept(write, answer)
                else:
                    self._handle_refusal(write, answer.refusal, answer.message)
        if fatal:
            raise fatal[0]
        return accepted

    def _requests(
        self, writes: Iterable[PendingWrite], sent: dict[str, PendingWrite]
    ) -> Iterator[Action]:
        for write in writes:
            with self.closer.guard(write.tracked):
                write.tracked.sent(write.action, self._run.clock.now())
            if self.closer.bug is not None:
                return
            sent[write.action.id] = write
            yield self._annotated(write.action, write.vm)

    def _annotated(self, action: Action, vm: LiveVM | None) -> Action:
        """Add the annotation with commit, digest and time to a VM patch, if this is configured.

        No digest covers the annotation, because the annotation contains the time.
        """
        if not self._annotate or vm is None or action.verb is not Verb.PATCH:
            return action
        value = {
            "revision": self._revision,
            "digest": action.digest,
            "time": f"{self._run.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        }
        text = json_text(json.dumps(value, separators=(",", ":")))
        return replace(action, patch=annotated(action.patch, vm, APPLIED, text))

    def _handle_error(
        self, write: PendingWrite, error: ClusterError, fatal: list[ClusterError]
    ) -> None:
        """Handle a write request that got no response, or an error that is not a rejection."""
        if not error.retryable:
            write.tracked.refused()
            fatal.append(error)
        elif error.status == INTERNAL_ERROR:
            # An admission webhook may fail for one object only, so other writes continue.
            self._try_again(write.tracked, "unavailable", str(error))
        else:
            pause_s = self.pause.start(error, self._run.clock.monotonic())
            message = f"the run pauses all writes for {pause_s:.0f} s: {error}"
            self._run.progress(Step.BARRIER, message, reason="unavailable")

    def _handle_refusal(self, write: PendingWrite, refusal: Refusal, message: str) -> None:
        write.tracked.refused()
        if write.action.verb is Verb.CREATE and refusal is Refusal.NOT_FOUND:
            self._fail(write.tracked, _NO_NAMESPACE, message)
        elif refusal in DECIDE_AGAIN:
            self._try_again(write.tracked, "changed-meanwhile", message)
        else:
            self._fail(write.tracked, refusal.value, message)

    def _accept(self, write: PendingWrite, written: Written) -> None:
        tracked, decision, action = write.tracked, write.decision, write.action
        tracked.accepted(self._run.clock.now())
        self.own.add(action, written)
        message = _described(decision, action)
        # If an operator manages the KubeVirt CR, its settings are written to that operator.
        target = action.target.ref if action.target is not None else None
        warnings = "".join(f" (the server warns: {each})" for each in written.warnings)
        self._run.progress(
            _STEPS[action.verb],
            f"{message}{f', for {tracked.ref}' if target else ''}{warnings}",
            ref=target or tracked.ref,
            reason=decision.reason.value,
            fraction=0.0 if decision.effect is Effect.LIVE else None,
        )
        uid = decision.uid or (written.vm.uid if written.vm else "")
        if uid:
            is_vm = tracked.ref.is_vm
            reason = EVENTS[action.verb] if is_vm else "ConfigPatched"
            message += f", written to {target}" if target else ""
            self._run.recorder.record(tracked.ref, uid, reason=reason, message=message + warnings)

    def _try_again(self, tracked: TrackedObject, reason: str, message: str) -> None:
        pause_s = PAUSE_S * 2**tracked.attempts
        tracked.try_again(self._run.clock.monotonic() + pause_s)
        if tracked.attempts >= ATTEMPTS:
            self._fail(tracked, reason, f"{message}; gave up after {ATTEMPTS} attempts")
            return
        self._run.progress(
            Step.FOLLOWING,
            f"the run plans the object again: {message}",
            ref=tracked.ref,
            reason=reason,
        )

    def _fail(self, tracked: TrackedObject, reason: str, message: str) -> None:
        why = Explanation(reason=reason, message=message, hint=_HINTS.get(reason, ""))
        end = FinalResult(result=Result.FAILED, why=why, cause=Cause.REFUSED)
        self.closer.close(tracked, end)


def _described(decision: Decision, action: Action) -> str:
    """Describe what a write changed, with the old and new values."""
    if action.verb is Verb.RESTART:
        return f"restart of the VM requested; after the restart, the VM has {decision.target}"
    if action.verb is Verb.CREATE:
        return f"created with {decision.target}" if decision.target else "created"
    text = "; ".join(
        changed(change.field[-1], change.before, change.after)
        for change in decision.changes
        if change.wave is action.wave
    )
    return text or "patched"
