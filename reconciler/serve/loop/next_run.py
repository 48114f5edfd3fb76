"""``next_run``: decides when ``serve`` starts its next rollout.

The functions have no side effects.

=============================================== =============================================
Situation                                       The next rollout starts
=============================================== =============================================
another process is the leader, or observe mode  never
the plan has no changes                         never
an alert of ``rollout.holdWhile`` is firing     never
no maintenance window is open                   when the next window opens
no rollout yet, or the last one made progress   at once, after a minimum pause
a new commit is applied                         at once, after a minimum pause
the last rollout ended at its deadline          after a pause for other clients
the plan has changed                            after a pause that grows without progress
the plan is the same, without any progress      after a long pause that grows
another client holds a lease, or an error       after a pause that grows
=============================================== =============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model import backoff
from reconciler.model.run.outcome import Actuation, ExitCode
from reconciler.model.service.view import NextRun
from reconciler.plan.timing.windows import opening

if TYPE_CHECKING:
    from reconciler.model.desired.config import Window
    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import RunReport

GAP_S = 2.0
"""The minimum pause in seconds after a rollout that made progress."""
TURN_S = 15.0
"""The pause in seconds in which another client, such as ``apply``, can acquire the leases."""
_EVENT_PAUSE_S, _EVENT_LONGEST_S = 2.0, 60.0
_SAME_PAUSE_S, _SAME_LONGEST_S = 30.0, 600.0
_BUSY_PAUSE_S, _BUSY_LONGEST_S = 10.0, 60.0
_ERROR_PAUSE_S, _ERROR_LONGEST_S = 10.0, 300.0


class Ended(StrEnum):
    """The ways in which a rollout can end, which determine when the next one starts."""

    PROGRESS = "progress"
    """The rollout changed at least one object."""
    DEADLINE = "deadline"
    """The rollout changed at least one object, and ended at its deadline."""
    NO_PROGRESS = "no progress"
    """The rollout wrote nothing, because all changes were paused or rejected."""
    BUSY = "busy"
    """Another client holds a rollout lease."""
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """How and when the last rollout ended."""

    ended: Ended
    at: datetime
    digest: str
    """The digest of the plan with which the rollout started."""
    revision: str
    n_without_progress: int = 0
    """The number of consecutive rollouts without progress, including this one."""


def may_start(plan: Plan, windows: tuple[Window, ...], now: datetime) -> bool:
    """Return whether the plan has changes that no alert and no maintenance window blocks."""
    return plan.applyable and plan.hold is None and opening(windows, now).is_open


def next_run(
    plan: Plan, windows: tuple[Window, ...], last: LastRun | None, now: datetime
) -> NextRun | None:
    """Return when the next rollout starts, or None if nothing can be written.

    Args:
        plan: The newest plan.
        windows: The configured maintenance windows.
        last: How the last rollout ended, or None if no rollout has run.
        now: The current time.
    """
    if not plan.applyable or plan.hold is not None:
        return None
    opens = opening(windows, now)
    if not opens.is_open:
        if opens.opens is None:
            return None
        return NextRun(at=opens.opens, why="no maintenance window is open")
    if last is None:
        return NextRun(at=now, why="")
    pause_s, why = _pause(last, plan)
    return NextRun(at=last.at + timedelta(seconds=pause_s), why=why)


def _pause(last: LastRun, plan: Plan) -> tuple[float, str]:
    """Return the pause after the last rollout in seconds, and the reason for it."""
    if last.ended is Ended.BUSY:
        return _growing(last, _BUSY_PAUSE_S, _BUSY_LONGEST_S), "another run holds a rollout Lease"
    if last.ended is Ended.PROGRESS or last.revision != plan.revision:
        return GAP_S, "the last run ended a moment ago"
    if last.ended is Ended.DEADLINE:
        return TURN_S, "the last run reached its deadline, so other runs can start first"
    if last.ended is Ended.ERROR:
        return _growing(last, _ERROR_PAUSE_S, _ERROR_LONGEST_S), "the last run failed"
    if last.digest == plan.digest:
        words = "the last run made no change, and the plan is unchanged"
        return _growing(last, _SAME_PAUSE_S, _SAME_LONGEST_S), words
    return _growing(last, _EVENT_PAUSE_S, _EVENT_LONGEST_S), "the last run made no change"


def _growing(last: LastRun, first_s: float, longest_s: float) -> float:
    return backoff.pause_s(
        max(1, last.n_without_progress), first_s=first_s, longest_s=longest_s, jitter=0.5
    )


def after_run(report: RunReport, before: LastRun | None) -> LastRun:
    """Summarize how a rollout ended, which determines when the next one starts."""
    wrote = any(each.actuation is Actuation.SUCCEEDED for each in report.outcomes)
    ended = Ended.NO_PROGRESS
    if report.exit is ExitCode.LEASE_HELD:
        ended = Ended.BUSY
    elif report.exit is ExitCode.ERROR:
        ended = Ended.ERROR
    elif wrote:
        ended = Ended.DEADLINE if report.exit is ExitCode.DEADLINE else Ended.PROGRESS
    without_progress = ended not in (Ended.PROGRESS, Ended.DEADLINE)
    return LastRun(
        ended=ended,
        at=report.ended_at,
        digest=report.plan.digest,
        revision=report.plan.revision,
        n_without_progress=(before.n_without_progress if before else 0) + 1
        if without_progress
        else 0,
    )
