"""``Holds``: delays VM changes because of alerts, maintenance windows, canaries and batches."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import ClocksDifferError
from reconciler.model.alerts.alert_hold import AlertHoldReason
from reconciler.model.desired.config import RestartConsent
from reconciler.model.explanation import Explanation
from reconciler.model.phrases import listed_refs, plural
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.run.checkpoint import Soak
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.plan.ordering import CANARY, named, ranks, soak_digest
from reconciler.plan.timing.clock_disagreement import HINT, clock_disagreement
from reconciler.plan.timing.disruption import window_need_s
from reconciler.plan.timing.windows import opening
from reconciler.rollout.tracking.hold import Hold
from reconciler.rollout.tracking.judge_convergence import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from reconciler.model.alerts.alert_hold import AlertHold
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.planner import Planner
    from reconciler.plan.timing.windows import Opening
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
    from reconciler.rollout.tracking.tracked_object import TrackedObject

OUTSIDE_WINDOW = "outside-window"
CANARY_FAILED = "canary-failed"
WAITS_FOR_CANARIES = "waits-for-canaries"
ALERT_GRACE = timedelta(minutes=5)
"""How long a run waits for the end of an alert that started to fire during the run."""


class Holds:
    """Determines whether the change to a VM must wait, and why."""

    def __init__(self, run: RunContext, checkpoint: CheckpointStore) -> None:
        self._run, self._checkpoint = run, checkpoint
        self._started_at = run.clock.now()
        self._ranks: dict[ObjectRef, int] = {}
        self._reported: set[str] = set()
        self._opening: Opening | None = None
        self._opening_valid_until: datetime | None = None
        self._rank = CANARY
        self._canaries: Hold | None = None

    def look(self, planner: Planner, objects: Mapping[ObjectRef, TrackedObject]) -> None:
        """Update the state of windows, canaries and batches; call this before ``hold``."""
        context = planner.context
        if self._opening_valid_until is None or context.now >= self._opening_valid_until:
            # Evaluating a year of windows takes milliseconds, which is too long for every round.
            self._opening = found = opened(context)
            ends = found and (found.until or found.opens)
            self._opening_valid_until = ends or context.now + timedelta(days=1)
        unknown = [ref for ref in context.desired.vms if ref not in self._ranks]
        self._ranks.update(ranks(unknown, context.desired, context.live, context.policy))
        self._rank = min(
            (self._ranks.get(ref, CANARY) for ref, each in objects.items() if each.open),
            default=CANARY,
        )
        self._canaries = self._of_canaries(planner, objects) if self._rank > CANARY else None

    def hold(self, decision: Decision, context: PlanContext) -> Hold | None:
        """Return the reason why the change to a VM must wait, or None if the change can start."""
        if (alerts := alert_hold(context.hold, context.now, self._started_at)) is not None:
            return alerts
        rank = self._ranks.get(decision.ref, CANARY)
        if rank > self._rank:
            reason = WAITS_FOR_CANARIES if self._rank == CANARY else "waits-for-batch"
            before = named(self._rank, context.policy)
            return Hold(
                why=Explanation(reason=reason, message=f"the change starts after {before}")
            )
        if rank > CANARY and self._canaries is not None:
            return self._canaries
        return self._of_windows(decision, context)

    def report(self, holds: Mapping[ObjectRef, Hold]) -> None:
        """Report how many VMs must wait and why; each reason is reported once per run."""
        alike = Counter((hold.why.reason, hold.why.message) for hold in holds.values())
        for (reason, message), n in alike.items():
            if message not in self._reported:
                self._reported.add(message)
                self._run.progress(Step.BARRIER, f"{plural(n, 'VM')}: {message}", reason=reason)

    def _of_windows(self, decision: Decision, context: PlanContext) -> Hold | None:
        closed = closed_hold(self._opening)
        if closed is not None or self._opening is None:
            return closed
        needed_s = window_need_s(decision, context.live, context.after)
        if self._opening.fits(context.now, needed_s):
            return None
        why = Explanation(
            reason=OUTSIDE_WINDOW,
            message=f"the first attempt at this change might take {needed_s / 60:.0f} min, but "
            f"the open maintenance window closes at {self._opening.until:%Y-%m-%d %H:%M %Z}",
            hint="no action is needed: the change starts in a maintenance window with enough "
            "time left",
        )
        return Hold(why=why, final=True, result=Result.HELD)

    def _of_canaries(
        self, planner: Planner, objects: Mapping[ObjectRef, TrackedObject]
    ) -> Hold | None:
        context, canary = planner.context, planner.context.policy.canary
        if canary is None:
            return None
        refs = [ref for ref, rank in self._ranks.items() if rank == CANARY]
        if not refs:
            why = Explanation(
                reason="no-canary",
                message=f"rollout.canary selects no VM ({canary.selector}), so no VM changes",
                hint="label a VM in Git, or remove rollout.canary",
            )
            return Hold(why=why, final=True, result=Result.HELD)
        now = {ref: planner.decision(ref) for ref in refs}
        failed = [ref for ref in refs if _has_failed(now[ref], objects.get(ref), context)]
        if failed:
            why = Explanation(
                reason=CANARY_FAILED,
                message=f"the canary {listed_refs(failed, most=1)} failed",
                hint="correct the cause of this failure; the other VMs change after all canaries "
                "have their new memory",
            )
            return Hold(why=why, final=True)
        if any(each.effect is Effect.WAIT for each in now.values()):
            message = "the change starts after the canaries"
            return Hold(why=Explanation(reason=WAITS_FOR_CANARIES, message=message))
        converged = [
            ref
            for ref in refs
            if now[ref].effect is Effect.NONE and now[ref].reason is not Reason.SUSPENDED
        ]
        if not converged:
            why = Explanation(
                reason="canaries-held",
                message="no canary could be changed, so the other VMs do not change",
                hint="check the reasons of the canaries in the plan",
            )
            return Hold(why=why, final=True, result=Result.HELD)
        vms = {ref: context.desired.vms[ref] for ref in converged}
        sizes = {
            ref: str(vm.guest.n_bytes) if vm.guest else vm.instancetype or ""
            for ref, vm in vms.items()
        }
        changed = _last_change(converged, context, objects)
        return self._soak_hold(soak_digest(sizes), changed, context.now, canary.soak.seconds)

    def _soak_hold(
        self, digest: str, changed: datetime | None, now: datetime, soak_s: float
    ) -> Hold | None:
        soak = self._checkpoint.checkpoint.soak
        if soak is None or soak.digest != digest or (changed and changed > soak.since):
            soak = Soak(digest=digest, since=now)
            self._checkpoint.soaks(soak)
        until = soak.since + timedelta(seconds=soak_s)
        if now >= until:
            return None
        message = (
            "the change starts when the soak time of the canaries ends, at "
            f"{until:%Y-%m-%d %H:%M:%S %Z}"
        )
        return Hold(why=Explanation(reason="canary-soak", message=message), until=until)


def windows_disagree(
    context: PlanContext, decisions: Iterable[Decision]
) -> ClocksDifferError | None:
    """Return an error if the two clocks disagree on whether a maintenance window is open."""
    clocks, windows = context.clocks, context.policy.windows
    if clocks is None:
        return None
    needs = {each.ref: window_need_s(each, context.live, context.after) for each in decisions}
    dispute = clock_disagreement(clocks, windows, needs)
    return (
        ClocksDifferError(f"{dispute}; no further change starts", hint=HINT) if dispute else None
    )


def alert_hold(found: AlertHold | None, now: datetime, started_at: datetime) -> Hold | None:
    """Return the reason why an alert pauses all changes, or None if no such alert is firing.

    An alert that starts during a run often ends soon, so the run waits some minutes for its end. A
    run does not wait for an alert that was firing before the run started.
    """
    if found is None:
        return None
    why = Explanation(
        reason=found.reason.value, message=f"not started: {found.message}", hint=found.hint
    )
    until = found.since + ALERT_GRACE
    may_end = found.reason is not AlertHoldReason.NO_PROMETHEUS
    if may_end and found.since > started_at and now < until:
        return Hold(why=why, until=until, result=Result.HELD)
    return Hold(why=why, final=True, closed=True, result=Result.HELD)


def opened(context: PlanContext) -> Opening | None:
    """Return whether a maintenance window is open, or None if no windows are configured."""
    windows = context.policy.windows
    return opening(windows, context.now) if windows else None


def closed_hold(found: Opening | None) -> Hold | None:
    """Return why all changes wait for a maintenance window, or None if they need not wait."""
    if found is None or found.is_open:
        return None
    when = f"; the next one opens at {found.opens:%Y-%m-%d %H:%M %Z}" if found.opens else ""
    why = Explanation(
        reason=OUTSIDE_WINDOW,
        message=f"no maintenance window is open{when}",
        hint="wait for the next maintenance window, or run `apply --ignore-windows` to start the "
        "change now",
    )
    return Hold(why=why, until=found.opens, final=True, closed=True, result=Result.HELD)


def _has_failed(canary: Decision, tracked: TrackedObject | None, context: PlanContext) -> bool:
    failed = tracked is not None and tracked.result is Result.FAILED
    return failed or canary.reason in FAILURES or _is_left_pending(canary, context)


def _is_left_pending(canary: Decision, context: PlanContext) -> bool:
    """Return whether a canary has the new size in its spec but is not allowed to restart."""
    if canary.effect is not Effect.RESTART or canary.changes or canary.actions:
        return False
    consent = context.desired.vms[canary.ref].restart or context.policy.restart
    return consent is not RestartConsent.STAGE


def _last_change(
    canaries: list[ObjectRef], context: PlanContext, objects: Mapping[ObjectRef, TrackedObject]
) -> datetime | None:
    """Return the latest time at which a canary was changed or started, or its change ended."""
    moments: list[datetime | None] = []
    for ref in canaries:
        vm, vmi, tracked = context.live.vms.get(ref), context.live.vmis.get(ref), objects.get(ref)
        moments += [
            vm.guest_changed_at if vm else None,
            vmi.created_at if vmi else None,
            tracked.ended_at if tracked else None,
        ]
    return max((each for each in moments if each is not None), default=None)
