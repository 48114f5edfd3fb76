"""Tests the bounded history of plans, rollouts and changes that `serve` shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, decide, make_desired, make_live, make_vm, make_vmi, want

from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result, RunReport
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.report.metrics.run_counts import LateChange
from reconciler.serve.loop import history
from reconciler.serve.loop.history import InFlight

PLAN = replace(
    decide(make_desired(want("2Gi")), make_live(make_vm(), vmis=(make_vmi(),)), PlanPolicy(), NOW),
    revision="c1",
)
(DECISION,) = PLAN.decisions
REF = DECISION.ref
LATER = NOW + timedelta(seconds=90)
LASTED = timedelta(minutes=5)
ONE, TWO = MemoryQuantity.parse("1Gi"), MemoryQuantity.parse("2Gi")


def report(result: Result, actuation: Actuation, n: int = 1, **changes) -> RunReport:
    outcome = Outcome(
        ref=REF,
        effect=DECISION.effect,
        actuation=actuation,
        result=result,
        why=DECISION.why,
        revision="c1" if actuation is not Actuation.SKIPPED else "",
        patched_at=NOW,
        guest_before=ONE,
        guest_now=TWO if result is Result.DONE else ONE,
    )
    return RunReport(
        run_id=f"run-{n}",
        plan=PLAN,
        outcomes=(replace(outcome, **changes),),
        started_at=NOW,
        ended_at=NOW,
        exit=ExitCode.BLOCKED,
    )


def plan_with(effect: Effect, reason: Reason, *, changes=()):
    why = replace(DECISION.why, reason=reason.value)
    decision = replace(DECISION, effect=effect, why=why, changes=changes, guest=TWO)
    return replace(PLAN, decisions=(decision,))


@pytest.mark.parametrize(
    ("n_decisions", "n_runs"), [(1, 30), (1_000, 20), (7_000, 2), (50_000, 1)]
)
def test_run_history_has_a_maximum_number_of_runs_and_a_maximum_number_of_decisions(
    n_decisions, n_runs
):
    plan, runs = replace(PLAN, decisions=PLAN.decisions * n_decisions), ()
    for n in range(40):
        one = replace(report(Result.DONE, Actuation.SUCCEEDED, n), plan=plan)
        runs = history.with_run(runs, one)
    assert [each.run_id for each in runs] == [f"run-{39 - n}" for n in range(n_runs)]


def test_equal_consecutive_plans_are_stored_as_one_history_entry():
    plans = history.with_plan((), PLAN, NOW)
    assert history.with_plan(plans, PLAN, LATER) == plans
    other = replace(PLAN, revision="c2")
    assert [each.revision for each in history.with_plan(plans, other, LATER)] == ["c2", "c1"]


def test_repeated_runs_without_changes_do_not_displace_other_runs_from_the_history():
    runs = history.with_run((), report(Result.DONE, Actuation.SUCCEEDED, 1))
    for n in range(2, 100):
        runs = history.with_run(runs, report(Result.HELD, Actuation.SKIPPED, n))
    assert [each.run_id for each in runs] == ["run-99", "run-1"]


def test_history_entry_for_the_start_of_a_change_is_replaced_by_the_result():
    started = history.with_changes({}, report(Result.RUNNING, Actuation.SUCCEEDED, 1))
    ended = history.with_changes(
        started, report(Result.DONE, Actuation.NOT_NEEDED, 2, guest_before=TWO)
    )
    (change,) = ended[REF]
    assert (change.result, change.before, change.after) == ("done", ONE, TWO)


def test_history_of_changes_omits_an_unchanged_object():
    assert history.with_changes({}, report(Result.HELD, Actuation.SKIPPED)) == {}


@pytest.mark.parametrize(
    ("newest", "result", "left"),
    [
        (plan_with(Effect.WAIT, Reason.IN_FLIGHT), "running", True),
        (plan_with(Effect.NONE, Reason.CONVERGED), "done", False),
        (plan_with(Effect.BLOCKED, Reason.MIGRATION_FAILING), "failed", False),
        (plan_with(Effect.LIVE, Reason.HOTPLUG), "written", False),
        (replace(PLAN, decisions=()), "running", False),
    ],
)
def test_history_shows_the_result_of_a_change_that_ends_between_two_runs(newest, result, left):
    changes = history.with_changes({}, report(Result.RUNNING, Actuation.SUCCEEDED))
    in_flight = {REF: InFlight(revision="c1", patched_at=NOW, run_started_at=NOW)}
    found, remaining, _ = history.followed(changes, in_flight, newest, LATER)
    assert found[REF][0].result == result
    assert (REF in remaining) is left
    if result == "done":
        assert (found[REF][0].seconds, found[REF][0].after) == (90.0, TWO)


def test_history_shows_the_duration_and_forecast_of_a_change_that_outlasts_its_run():
    (forecast,) = PLAN.forecast.vms
    running = replace(report(Result.RUNNING, Actuation.SUCCEEDED), started_at=NOW - LASTED)
    changes, in_flight = history.with_changes({}, running), history.in_flight_after({}, running)
    waits = history.followed(changes, in_flight, plan_with(Effect.WAIT, Reason.IN_FLIGHT), LATER)
    assert (waits.in_flight, waits.late) == (in_flight, ())
    failed = history.followed(
        changes, in_flight, plan_with(Effect.BLOCKED, Reason.MIGRATION_FAILING), LATER
    )
    done = history.followed(changes, in_flight, plan_with(Effect.NONE, Reason.CONVERGED), LATER)
    assert (failed.in_flight, failed.late) == ({}, ())
    assert done.in_flight == {}
    assert done.late == (LateChange(seconds=90, run_seconds=390, forecast=forecast),)


def test_history_omits_changes_of_a_removed_vm():
    changes = history.with_changes({}, report(Result.RUNNING, Actuation.SUCCEEDED))
    assert history.without_removed(changes, frozenset()) == {}
    assert history.without_removed(changes, frozenset({REF})) == changes


def test_vm_is_shown_as_waiting_for_a_restart_since_the_first_plan_that_needs_the_restart():
    waiting = plan_with(Effect.RESTART, Reason.RESTART_PENDING)
    first = history.restart_since({}, waiting, NOW)
    assert history.restart_since(first, waiting, LATER) == {REF: NOW}
    assert history.restart_since(first, PLAN, LATER) == {}
