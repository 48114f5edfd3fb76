"""``Loop``: repeatedly plans, displays the plan, and applies it if a rollout is due.

Each iteration uses the newest commit and the newest cluster state. The loop keeps state
only for the status pages and the reports; a restarted process continues from Git and the cluster.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import (
    BackgroundError,
    ClusterError,
    InvalidError,
    LeaseHeldError,
    ReconcilerError,
)
from reconciler.model import backoff
from reconciler.model.desired.config import Mode
from reconciler.model.phrases import plural
from reconciler.model.service.view import ActiveRun, NextRun, Role, SourceView, Wait, WaitKind
from reconciler.serve.loop import history
from reconciler.serve.loop.next_run import LastRun, after_run, may_start, next_run
from reconciler.serve.loop.outage import outage_shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.app.read_and_plan import PlanWithInputs
    from reconciler.model.plan.plan import Plan
    from reconciler.model.references import ObjectRef
    from reconciler.serve.git.git_state import GitState
    from reconciler.serve.loop.history import InFlight
    from reconciler.serve.loop.loop_parts import LoopParts

log = logging.getLogger(__name__)

REPLAN_S = 60.0
"""The maximum time in seconds between two plans, even if nothing seems to have changed.

Some decisions depend on the time, such as guest timeouts and pauses after failed migrations.
"""
REFRESH_S = 1.0
"""The minimum time in seconds between two plans during a rollout."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_WRITES_FIRST_S = 60.0
"""The minimum duration of a rollout in seconds before changes outside its plan can end it."""


class Loop:
    """Plans and applies repeatedly; ``turn`` returns the seconds until its next call."""

    def __init__(self, parts: LoopParts) -> None:
        self._parts = parts
        self._git, self._clock, self._store = parts.git, parts.clock, parts.store
        self._last: LastRun | None = None
        self._in_flight: Mapping[ObjectRef, InFlight] = {}
        self._trouble: Wait | None = None
        """Why the last attempt to plan failed, or None if it succeeded."""
        self._failures = 0
        self._rejected: Wait | None = None
        """Why the last rollout was not allowed to write, or None if it was allowed."""
        self._term = self._first_poll = self._polls = 0
        """The newest term as the leader, the term's first poll, and the last poll before the plan.

        The loop applies a plan only if a Git poll in the current term preceded the plan.
        """
        self._leads_since: datetime | None = None
        """When this process noticed that it leads; None if it has never led."""
        self._refreshed_at = 0.0
        self._missed: tuple[float, frozenset[ObjectRef]] | None = None
        self.planned_at = self._clock.monotonic()
        """The monotonic time of the last attempt to plan, which shows that the loop is alive."""

    def turn(self) -> float:
        """Plan, display the plan, and carry out a rollout if one is due.

        Returns:
            The seconds until the next iteration, unless an event arrives earlier.

        Raises:
            BackgroundError: A thread that watches the cluster has failed.
        """
        with self._parts.interruptible():
            planned = self._plan()
        if planned is None:
            if not self._failures:
                return REPLAN_S
            return backoff.pause_s(
                self._failures, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, jitter=0.5
            )
        due = self._next_run(planned)
        if due is None:
            return REPLAN_S
        left_s = (due.at - self._clock.now()).total_seconds()
        if left_s > 0:
            return min(left_s, REPLAN_S)
        self._run(planned)
        return 0.0

    def _plan(self) -> PlanWithInputs | None:
        """Plan from the newest inputs and display the result; return None if this fails."""
        self.planned_at = self._clock.monotonic()
        self._may_run()  # a new leader polls Git while it plans
        git, engine = self._git.state, self._parts.engine
        self._polls = git.polls
        if git.reading is not None and git.reading is not engine.reading:
            engine.use(git.reading)
        planned = None
        if engine.reading is not None:
            try:
                planned = engine.plan()
            except BackgroundError:
                raise  # only a new process has all its threads
            except ReconcilerError as error:
                self._failed(error)
            else:
                self._failures, self._trouble = 0, self._outage()
        self._publish(planned)
        if planned is not None:
            if planned.config.mode is not Mode.OBSERVE or self._parts.leads_to_observe:
                self._parts.leader.begin(planned.live.kubevirt.ref.namespace)
            elif self._store.read()[1].run is None:
                self._parts.leader.withdraw()
            self._parts.planned(planned)
        return planned

    def _failed(self, error: ReconcilerError) -> None:
        self._failures += 1
        kind = WaitKind.CLUSTER if isinstance(error, ClusterError) else WaitKind.VALID_COMMIT
        if self._trouble is None or self._trouble.message != str(error):
            log.warning("cannot make a plan; reconciler will try again: %s", error)
        known = self._trouble or self._outage()
        since = known.since if known is not None else self._clock.now()
        self._trouble = Wait(kind=kind, since=since, message=str(error))

    def _outage(self) -> Wait | None:
        """Return the API server outage to display, or None if the outage is short or over."""
        return outage_shown(self._parts.engine.outage(), self._clock.now())

    def _publish(self, planned: PlanWithInputs | None) -> None:
        """Publish the state of the process, including a new plan if one exists."""
        view, state, git = self._store.read()[1], self._parts.leader.state, self._git.state
        leads = self._parts.leader.leads()
        changes: dict[str, object] = {
            "source": _source(view.source, git),
            "role": Role.LEADER if leads else Role.STANDBY,
            "leader": state.leader,
        }
        if planned is not None:
            changes |= self._changes_by_plan(planned)
        has_plan = planned is not None or view.plan is not None
        waits = (
            self._trouble,
            git.wait,
            None if has_plan else _first_plan(view.started_at, git),
            self._wait_for_git() if leads else state.wait,
            self._rejected if planned is None or planned.plan.applyable else None,
        )
        changes["waits"] = tuple(each for each in waits if each is not None)
        self._store.update(**changes)

    def _changes_by_plan(self, planned: PlanWithInputs) -> dict[str, object]:
        view, now, plan = self._store.read()[1], self._clock.now(), planned.plan
        known = frozenset({*planned.live.vms, *planned.desired.vms})
        changes: Mapping[ObjectRef, object] = view.changes
        if view.run is None:
            found = history.followed(view.changes, self._in_flight, plan, now)
            self._in_flight = found.in_flight
            changes = history.without_removed(found.changes, known)
            for each in found.late:
                self._parts.late(each)
        passed = view.run is None and self._nothing_due(planned, now)
        succeeded = passed and not plan.errored
        return {
            "mode": planned.config.mode,
            "config": planned.config,
            "live": planned.live,
            "desired": planned.desired,
            "plan": plan,
            "planned_at": now,
            "hold": plan.hold,
            "plans": history.with_plan(view.plans, plan, now),
            "changes": changes,
            "restart_since": history.restart_since(
                view.restart_since, plan, now, self._parts.stored_waits()
            ),
            "last_pass_at": now if passed else view.last_pass_at,
            "last_success_at": now if succeeded else view.last_success_at,
            "next_run": None if view.run is not None else self._next_run(planned),
        }

    def _nothing_due(self, planned: PlanWithInputs, now: datetime) -> bool:
        """Return whether this process has no change to start now.

        On standby, this is true only if the plan has no changes or the mode is ``observe``.
        """
        if not planned.plan.applyable or planned.config.mode is Mode.OBSERVE:
            return True
        if not self._parts.leader.leads():
            return False
        return not may_start(planned.plan, planned.policy.windows, now)

    def _next_run(self, planned: PlanWithInputs) -> NextRun | None:
        if planned.config.mode is Mode.OBSERVE or not self._may_run():
            return None
        return next_run(planned.plan, planned.policy.windows, self._last, self._clock.now())

    def _may_run(self) -> bool:
        """Return whether this process is the leader, and has polled Git since it became leader.

        The commit that a standby has read can be older than the commit that the previous leader
        applied. A failed poll counts, so that an outage of the repository does not stop the
        changes.
        """
        leader = self._parts.leader
        if not leader.leads():
            return False
        if leader.term != self._term:
            self._term = leader.term
            self._first_poll, self._leads_since = self._git.wake(), self._clock.now()
        return self._polls >= self._first_poll

    def _wait_for_git(self) -> Wait | None:
        """Return why a new leader starts no run yet, or None if it may start one."""
        if self._leads_since is None or self._polls >= self._first_poll:
            return None
        message = "this process became the leader, and polls Git before its first run"
        return Wait(kind=WaitKind.FRESH_COMMIT, since=self._leads_since, message=message)

    def _run(self, planned: PlanWithInputs) -> None:
        """Carry out one rollout, and add it to the history."""
        plan = planned.plan
        self._missed = None
        try:
            ended = self._parts.runner.run(
                planned,
                superseded=lambda: self._superseded(plan),
                refresh=self._refresh,
                show=self._show,
            )
        except BaseException:
            self._store.update(run=None)
            raise
        report, now = ended.report, self._clock.now()
        self._last = after_run(report, self._last)
        self._rejected = _rejection(ended.error, self._rejected, now)
        self._in_flight = history.in_flight_after(self._in_flight, report)
        view = self._store.read()[1]
        self._store.update(
            run=None,
            runs=history.with_run(view.runs, report),
            changes=history.with_changes(view.changes, report),
            last_pass_at=report.ended_at if report.exit.completed else view.last_pass_at,
            last_success_at=report.ended_at if report.exit.succeeded else view.last_success_at,
        )
        self._parts.ended(report)

    def _show(self, active: ActiveRun) -> None:
        self._store.update(run=active)

    def _refresh(self) -> None:
        """Plan and display the plan during a rollout, with a minimum time between two plans."""
        now = self._clock.monotonic()
        if now - self._refreshed_at < REFRESH_S:
            return
        planned = self._plan()
        self._refreshed_at = self._clock.monotonic()
        run = self._store.read()[1].run
        if planned is not None and run is not None:
            self._note_missed(run.plan, planned.plan)

    def _note_missed(self, active: Plan, newest: Plan) -> None:
        """Record when the newest plan first contained changes outside the active rollout."""
        taken = {each.ref for each in active.decisions if each.effect != "none"}
        missed = frozenset(
            action.ref
            for wave in newest.waves
            for action in wave.actions
            if action.ref not in taken
        )
        if not missed:
            self._missed = None
        elif self._missed is None:
            self._missed = (self._clock.monotonic(), missed)

    def _superseded(self, plan: Plan) -> str:
        """Return why the active rollout must end, or an empty string if it can continue."""
        newest = self._git.state.commit
        if newest and newest != plan.revision:
            return f"commit {newest[:12]} replaces the commit of this run"
        if not self._parts.leader.leads():
            return "this process is no longer the leader"
        if self._missed is not None:
            since, refs = self._missed
            if self._clock.monotonic() - since >= _WRITES_FIRST_S:
                count = plural(len(refs), "object")
                return f"changes to {count} are due now, but this run does not include them"
        return ""


def _rejection(error: ReconcilerError | None, before: Wait | None, now: datetime) -> Wait | None:
    """Return why the last rollout was not allowed to write, or None if it was allowed."""
    if isinstance(error, LeaseHeldError):
        kind = WaitKind.ROLLOUT_LEASE
    elif isinstance(error, InvalidError):
        kind = WaitKind.VALID_COMMIT
    else:
        return None
    since = before.since if before is not None and before.kind is kind else now
    return Wait(kind=kind, since=since, message=str(error))


def _first_plan(since: datetime, git: GitState) -> Wait:
    why = "" if git.polls else "; the first Git poll has not ended"
    message = f"no plan has been made yet{why}"
    return Wait(kind=WaitKind.FIRST_PLAN, since=since, message=message)


def _source(source: SourceView, git: GitState) -> SourceView:
    return replace(
        source,
        in_force=git.in_force,
        fetched_at=git.fetched_at,
        attempted_at=git.attempted_at,
        next_at=git.next_at,
    )
