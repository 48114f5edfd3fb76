"""Tests when `serve` starts its next rollout."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, decide, make_desired, make_live, make_vm, make_vmi, want

from reconciler.model.alerts.alert_hold import AlertHold
from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result, RunReport
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.serve.loop.next_run import Ended, LastRun, after_run, next_run

LIVE = make_live(make_vm(), vmis=(make_vmi(),))
PLAN = decide(make_desired(want("2Gi")), LIVE, PlanPolicy(), NOW)
NOTHING = decide(make_desired(want("1Gi")), LIVE, PlanPolicy(), NOW)
NIGHT = Window(kind=WindowKind.ALLOW, cron="0 2 * * *", duration=Duration.parse("1h"))


def last(ended: Ended, n: int = 0, **changes) -> LastRun:
    run = LastRun(
        ended=ended, at=NOW, digest=PLAN.digest, revision=PLAN.revision, n_without_progress=n
    )
    return replace(run, **changes)


def pause_s(run: LastRun) -> float:
    found = next_run(PLAN, (), run, NOW)
    assert found is not None
    return (found.at - NOW).total_seconds()


def test_plan_without_changes_needs_no_rollout():
    assert next_run(NOTHING, (), None, NOW) is None


def test_serve_starts_its_first_rollout_immediately():
    assert next_run(PLAN, (), None, NOW).at == NOW


def test_firing_alert_prevents_new_rollouts():
    hold = AlertHold(since=NOW, message="an alert fires")
    assert next_run(replace(PLAN, hold=hold), (), None, NOW) is None


def test_closed_maintenance_window_delays_the_rollout_until_the_window_opens():
    found = next_run(PLAN, (NIGHT,), last(Ended.PROGRESS), NOW)
    assert (found.at.hour, found.at.minute, found.why) == (2, 0, "no maintenance window is open")
    assert timedelta(0) < found.at - NOW <= timedelta(days=1)


@pytest.mark.parametrize(
    ("run", "seconds"),
    [
        (last(Ended.PROGRESS), 2),
        (last(Ended.DEADLINE), 15),
        (last(Ended.DEADLINE, revision="another"), 2),
        (last(Ended.NO_PROGRESS, 1), 30),
        (last(Ended.NO_PROGRESS, 3), 120),
        (last(Ended.NO_PROGRESS, 50), 600),
        (last(Ended.NO_PROGRESS, 1, digest="another"), 2),
        (last(Ended.NO_PROGRESS, 3, digest="another"), 8),
        (last(Ended.NO_PROGRESS, 50, digest="another"), 60),
        (last(Ended.NO_PROGRESS, 50, revision="another"), 2),
        (last(Ended.BUSY, 1), 10),
        (last(Ended.BUSY, 50), 60),
        (last(Ended.BUSY, 50, revision="another"), 60),
        (last(Ended.ERROR, 1), 10),
        (last(Ended.ERROR, 50), 300),
        (last(Ended.ERROR, 50, revision="another"), 2),
    ],
)
def test_pause_after_a_rollout_depends_on_its_result_and_on_later_changes(run, seconds):
    assert pause_s(run) == seconds


def report(exit_: ExitCode, *actuations: Actuation) -> RunReport:
    (decision,) = (each for each in PLAN.decisions if each.ref.is_vm)
    outcomes = tuple(
        Outcome(
            ref=decision.ref,
            effect=decision.effect,
            actuation=each,
            result=Result.HELD,
            why=decision.why,
        )
        for each in actuations
    )
    return RunReport(
        run_id="r", plan=PLAN, outcomes=outcomes, started_at=NOW, ended_at=NOW, exit=exit_
    )


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (report(ExitCode.DONE, Actuation.SUCCEEDED), Ended.PROGRESS),
        (report(ExitCode.FAILED, Actuation.FAILED, Actuation.SUCCEEDED), Ended.PROGRESS),
        (report(ExitCode.DEADLINE, Actuation.SUCCEEDED), Ended.DEADLINE),
        (report(ExitCode.DEADLINE, Actuation.PENDING), Ended.NO_PROGRESS),
        (report(ExitCode.BLOCKED, Actuation.SKIPPED), Ended.NO_PROGRESS),
        (report(ExitCode.FAILED, Actuation.FAILED), Ended.NO_PROGRESS),
        (report(ExitCode.LEASE_HELD, Actuation.SKIPPED), Ended.BUSY),
        (report(ExitCode.ERROR, Actuation.SUCCEEDED), Ended.ERROR),
    ],
)
def test_rollout_counts_as_progress_only_if_it_wrote_something(ended, expected):
    assert after_run(ended, None).ended is expected


def test_rollouts_without_progress_are_counted_until_a_rollout_makes_progress():
    held = report(ExitCode.BLOCKED, Actuation.SKIPPED)
    first = after_run(held, None)
    second = after_run(held, first)
    assert (first.n_without_progress, second.n_without_progress) == (1, 2)
    assert after_run(report(ExitCode.DONE, Actuation.SUCCEEDED), second).n_without_progress == 0
