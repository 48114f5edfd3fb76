"""Tests when the start of a created or restarted VM has failed, and repeated restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, VM, make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.run.checkpoint import Start
from reconciler.plan.timing.longest_attempt import START_TIMEOUT_S
from reconciler.rollout.tracking.vm_start import (
    ANSWER_S,
    INEFFECTIVE,
    failed_start,
    may_request_restart,
    starts_itself,
    starts_now,
)

START = Start(uid="uid-pg-0", target="2Gi", instance="vmi-pg-0", at=NOW)
UP = make_live(make_vm(running_wanted=True), vmis=(make_vmi(),))
NEW = make_live(make_vm(running_wanted=True), vmis=(make_vmi(uid="vmi-2"),))
DOWN = make_live(make_vm(running_wanted=True))
(WAITS,) = plan_of(make_desired(want("2Gi")), UP).decisions
PENDING = replace(
    WAITS,
    effect=Effect.RESTART,
    why=Explanation(reason=Reason.RESTART_PENDING, message="it needs a restart"),
)


@pytest.mark.parametrize(
    ("decision", "live", "after_s", "reason"),
    [
        (WAITS, DOWN, START_TIMEOUT_S, ""),
        (WAITS, DOWN, START_TIMEOUT_S + 1, "not-starting"),
        (WAITS, UP, START_TIMEOUT_S + 1, ""),
        (PENDING, UP, 0, ""),
        (PENDING, NEW, 0, INEFFECTIVE),
        (
            replace(WAITS, why=Explanation(reason=Reason.NOT_STARTING, message="it is stuck")),
            UP,
            0,
            "not-starting",
        ),
    ],
    ids=["in time", "too late", "running", "old instance", "new instance", "reported by the plan"],
)
def test_vm_start_counts_as_failed_after_a_timeout_or_if_the_new_vmi_has_the_wrong_size(
    decision, live, after_s, reason
):
    found = failed_start(decision, START, live, NOW + timedelta(seconds=after_s))
    assert (found.reason if found else "") == reason


@pytest.mark.parametrize(
    ("start", "live", "after_s", "expected"),
    [
        (None, UP, 0, True),
        (START, UP, ANSWER_S, False),
        (START, UP, ANSWER_S + 1, True),
        (START, NEW, ANSWER_S + 1, False),
    ],
)
def test_restart_is_not_requested_again_while_a_restart_might_be_in_progress(
    start, live, after_s, expected
):
    assert may_request_restart(PENDING, start, live, NOW + timedelta(seconds=after_s)) is expected


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (UP, False),
        (DOWN, True),
        (make_live(make_vm(running_wanted=False)), False),
        (make_live(), False),
    ],
)
def test_vm_without_a_vmi_counts_as_starting_if_the_vm_should_run(live, expected):
    assert starts_now(WAITS, live) is expected
    assert WAITS.ref == VM


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"running": True}, True),
        ({"runStrategy": "Always"}, True),
        ({"runStrategy": "Once"}, True),
        ({"runStrategy": "Manual"}, False),
        ({"running": False}, False),
        (None, False),
    ],
)
def test_run_strategy_determines_whether_a_created_vm_starts(spec, expected):
    assert starts_itself({"spec": spec}) is expected
