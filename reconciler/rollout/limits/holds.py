"""What keeps a VM from its turn though there is room: windows, canaries, batches."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.desired.config import RestartConsent
from reconciler.model.plan.plan import Effect
from reconciler.model.run.checkpoint import Soak
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.plan.ordering import CANARY, named, ranks, soak_digest
from reconciler.plan.timing.disruption import need_s
from reconciler.plan.timing.windows import opening
from reconciler.rollout.tracking.convergence import FAILURES
from reconciler.rollout.tracking.hold import Hold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.desired.desired_state import DesiredVM
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.planner import Planner
    from reconciler.plan.timing.windows import Opening
    from reconciler.rollout.run_context import Outside
    from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
    from reconciler.rollout.tracking.tracked_object import TrackedObject

OUTSIDE_WINDOW = "outside-window"
CANARY_FAILED = "canary-failed"


class Holds:
    """Those of one run; looked at anew each round."""

    def __init__(self, outside: Outside, memo: CheckpointStore) -> None:
        self._outside, self._memo = outside, memo
        self._ranks: dict[ObjectRef, int] = {}
        self._told: set[str] = set()
        self._opening: Opening | None = None
        self._rank = CANARY
        self._canaries: Hold | None = None

    def look(self, planner: Planner, courses: Mapping[ObjectRef, TrackedObject]) -> None:
        """Take the state of windows, canaries and batches in, before ``hold`` is asked."""
        context = planner.context
        self._opening = opened(context)
        unknown = [ref for ref in context.desired.vms if ref not in self._ranks]
        self._ranks.update(ranks(unknown, context.desired, context.live, context.policy))
        self._rank = min(
            (self._ranks.get(ref, CANARY) for ref, each in courses.items() if each.open),
            default=CANARY,
        )
        self._canaries = self._of_canaries(planner, courses) if self._rank > CANARY else None

    def hold(self, decision: Decision, context: PlanContext) -> Hold | None:
        """Why the VM of *decision* may not begin in this round; None where it may."""
        rank = self._ranks.get(decision.ref, CANARY)
        if rank > self._rank:
            before = named(self._rank, context.policy)
            return Hold(
                reason="waits-for-canaries" if self._rank == CANARY else "waits-for-batch",
                message=f"begins after {before}",
            )
        if rank > CANARY and self._canaries is not None:
            return self._canaries
        return self._of_windows(decision, context)

    def tell(self, holds: Mapping[ObjectRef, Hold]) -> None:
        """Say what is held back and why: each reason once, not once a VM nor once a round."""
        alike = Counter((hold.reason, hold.message) for hold in holds.values())
        for (reason, message), n in alike.items():
            if message not in self._told:
                self._told.add(message)
                vms = f"{n} VM{'s' if n > 1 else ''}"
                self._outside.tell(Step.BARRIER, f"{vms}: {message}", reason=reason)

    def _of_windows(self, decision: Decision, context: PlanContext) -> Hold | None:
        closed = closed_hold(self._opening)
        if closed is not None or self._opening is None:
            return closed
        needed_s = need_s(decision, context.live, context.after)
        if self._opening.fits(context.now, needed_s):
            return None
        until = self._opening.until
        return Hold(
            reason=OUTSIDE_WINDOW,
            message=f"its first attempt may take {needed_s / 60:.0f} min, and the window closes "
            f"at {until:%Y-%m-%d %H:%M %Z}",
            hint="it begins in a window with that much time left",
            final=True,
            result=Result.HELD,
        )

    def _of_canaries(
        self, planner: Planner, courses: Mapping[ObjectRef, TrackedObject]
    ) -> Hold | None:
        context, canary = planner.context, planner.context.policy.canary
        if canary is None:
            return None
        refs = [ref for ref, rank in self._ranks.items() if rank == CANARY]
        if not refs:
            return Hold(
                reason="no-canary",
                message=f"rollout.canary selects no VM ({canary.selector})",
                hint="label a VM in Git, or remove rollout.canary",
                final=True,
                result=Result.HELD,
            )
        now = {ref: planner.decision(ref) for ref in refs}
        failed = [
            ref
            for ref in refs
            if now[ref].reason in FAILURES
            or (ref in courses and courses[ref].result is Result.FAILED)
            or _is_left_pending(now[ref], context)
        ]
        if failed:
            return Hold(
                reason=CANARY_FAILED,
                message=f"the canary {failed[0].namespace}/{failed[0].name} failed"
                + (f", and {len(failed) - 1} more" if len(failed) > 1 else ""),
                hint="find out why; the others begin once the canaries have their memory",
                final=True,
            )
        if any(each.effect is Effect.WAIT for each in now.values()):
            return Hold(reason="waits-for-canaries", message="begins after the canaries")
        converged = [ref for ref in refs if now[ref].effect is Effect.NONE]
        if not converged:
            return Hold(
                reason="canaries-held",
                message="no canary could be changed, so nothing is proven",
                hint="look at why the canaries are held",
                final=True,
                result=Result.HELD,
            )
        wanted = {ref: _wanted(context.desired.vms[ref]) for ref in converged}
        changed = _last_change(converged, context, courses)
        return self._soaks(soak_digest(wanted), changed, context.now, canary.soak.seconds)

    def _soaks(
        self, digest: str, changed: datetime | None, now: datetime, soak_s: float
    ) -> Hold | None:
        soak = self._memo.record.soak
        if soak is None or soak.digest != digest or (changed and changed > soak.since):
            soak = Soak(digest=digest, since=now)
            self._memo.soaks(soak)
        until = soak.since + timedelta(seconds=soak_s)
        if now >= until:
            return None
        return Hold(
            reason="canary-soak",
            message=f"begins when the canaries have soaked, at {until:%Y-%m-%d %H:%M:%S %Z}",
            until=until,
        )


def opened(context: PlanContext) -> Opening | None:
    """What the windows say now; None where there are none, so that it is always open."""
    windows = context.policy.windows
    return opening(windows, context.now) if windows else None


def closed_hold(found: Opening | None) -> Hold | None:
    """The hold of everything while no window is open."""
    if found is None or found.is_open:
        return None
    when = f"; the next one opens at {found.opens:%Y-%m-%d %H:%M %Z}" if found.opens else ""
    return Hold(
        reason=OUTSIDE_WINDOW,
        message=f"no window is open{when}",
        hint="it begins in a window; apply --ignore-windows does not wait for one",
        until=found.opens,
        final=True,
        closed=True,
        result=Result.HELD,
    )


def _wanted(desired: DesiredVM) -> str:
    return str(desired.guest.n_bytes) if desired.guest else desired.instancetype or ""


def _is_left_pending(canary: Decision, context: PlanContext) -> bool:
    """Whether a canary has its size written and waits for a restart that nobody will ask for."""
    if canary.effect is not Effect.RESTART or canary.changes or canary.actions:
        return False
    consent = context.desired.vms[canary.ref].restart or context.policy.restart
    return consent is not RestartConsent.STAGE


def _last_change(
    canaries: list[ObjectRef], context: PlanContext, courses: Mapping[ObjectRef, TrackedObject]
) -> datetime | None:
    """When a canary was last written, started, or done with in this run."""
    moments: list[datetime | None] = []
    for ref in canaries:
        vm, vmi, course = context.live.vms.get(ref), context.live.vmis.get(ref), courses.get(ref)
        moments += [
            vm.guest_changed_at if vm else None,
            vmi.created_at if vmi else None,
            course.ended_at if course else None,
        ]
    return max((each for each in moments if each is not None), default=None)
