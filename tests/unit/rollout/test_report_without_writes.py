"""Tests the reports of runs that write nothing to the cluster."""

from __future__ import annotations

import pytest
from support.builders import (
    NOW,
    condition,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    want,
)

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import Actuation, ExitCode, Result
from reconciler.rollout.report_without_writes import observed, unwritten

CHANGES, FAILED, BLOCKED, DONE = (vm_ref("db", name) for name in ("a", "b", "c", "d"))
REFUSED = {"HotMemoryChange": condition("False", "x", "libvirt refused")}
PLAN = plan_of(
    make_desired(
        want("2Gi", CHANGES), want("2Gi", FAILED), want("512Mi", BLOCKED), want("1Gi", DONE)
    ),
    make_live(
        make_vm(CHANGES),
        make_vm(FAILED, guest="2Gi"),
        make_vm(BLOCKED),
        make_vm(DONE),
        vmis=(
            make_vmi(CHANGES),
            make_vmi(FAILED, conditions=REFUSED),
            make_vmi(BLOCKED),
            make_vmi(DONE),
        ),
    ),
)


@pytest.mark.parametrize("mode", ["observe", "unwritten"])
def test_report_of_a_run_without_writes_lists_each_object_that_differs_from_git(mode):
    if mode == "observe":
        report = observed(PLAN, run_id="r", at=NOW)
        left, reason, message = Result.HELD, "mode-observe", "not written: "
    else:
        report = unwritten(
            PLAN,
            run_id="r",
            started_at=NOW,
            ended_at=NOW,
            why=ExitCode.LEASE_HELD,
            message="another run has the lease",
        )
        left, reason = Result.NOT_STARTED, "lease-held"
        message = "not written: another run has the lease"
    found = {each.ref: each for each in report.outcomes}
    assert {ref: each.result for ref, each in found.items()} == {
        CHANGES: left,
        FAILED: Result.FAILED,
        BLOCKED: Result.HELD,
    }
    assert found[CHANGES].reason == reason
    assert found[CHANGES].why.message.startswith(message)
    assert {each.actuation for each in report.outcomes} == {Actuation.SKIPPED}
    assert bool(found[CHANGES].action_id) is (mode == "unwritten")
    assert report.exit is ExitCode.FAILED


@pytest.mark.parametrize(
    ("why", "valid", "expected"),
    [
        (ExitCode.LEASE_HELD, True, ExitCode.LEASE_HELD),
        (ExitCode.LEASE_HELD, False, ExitCode.INVALID),
        (ExitCode.DEADLINE, False, ExitCode.INVALID),
        (ExitCode.ERROR, False, ExitCode.ERROR),
        (ExitCode.STALE, True, ExitCode.STALE),
        (ExitCode.INTERRUPTED, False, ExitCode.INTERRUPTED),
        (ExitCode.USAGE, False, ExitCode.USAGE),
    ],
)
def test_report_of_a_run_without_writes_has_the_exit_code_with_the_highest_precedence(
    why, valid, expected
):
    error = Diagnostic(severity=Severity.ERROR, code="not-yaml", message="it is not YAML")
    plan = plan_of(
        make_desired(want("2Gi"), diagnostics=() if valid else (error,)),
        make_live(make_vm(), vmis=(make_vmi(),)),
    )
    report = unwritten(plan, run_id="r", started_at=NOW, ended_at=NOW, why=why, message="it ended")
    assert report.exit is expected
