"""The end of a run, and its report on objects that are not completed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import VM, decide, make_desired, make_live, make_vm, make_vmi, want
from support.fake_ports import FakePorts, FakeWriter

from reconciler.errors import BrokenOff, UnauthorizedError, UnreachableError
from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.plan.approval import Approval, ApprovedAction
from reconciler.model.quantity import Duration
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.model.run.write_result import Written
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.run import BROKEN_OFF, run

LIVE = make_live(make_vm(), vmis=(make_vmi(),))
DESIRED = make_desired(want("2Gi"))
TAKEN = Written(status=200, vm=make_vm(guest="2Gi", generation=2))
CLOSED = Window(kind=WindowKind.ALLOW, cron="0 22 * * *", duration=Duration.parse("2h"))


def ran(*answers, ports=None, live=LIVE, choices=None, **policy):
    """Return the report of one run with fakes, and the ports that the run used."""
    ports = ports or FakePorts(writer=FakeWriter(answers))
    ports.informer.live = live
    choices = choices or PlanPolicy()
    plan = decide(DESIRED, live, choices, ports.clock.now())
    found = run(plan, DESIRED, choices, RolloutPolicy(**policy), ports.context, run_id="test-run")
    return found, ports


def test_deadline_leaves_a_written_vm_running():
    report, ports = ran(TAKEN, deadline_s=10.0)
    (outcome,) = report.outcomes
    assert (report.exit, outcome.result) == (ExitCode.DEADLINE, Result.RUNNING)
    assert report.message == "the deadline was reached; migrations in flight continue"
    assert ports.clock.seconds == pytest.approx(10.0)
    assert [each for each, _ in ports.recorder.events] == ["MemoryPatched"]


def test_unanswered_write_is_reported_as_unknown_when_the_run_ends():
    report, _ = ran(UnreachableError("no answer"), deadline_s=1.0)
    (outcome,) = report.outcomes
    assert outcome.result is Result.RUNNING
    assert outcome.why.message.startswith("the API server did not answer the last write")


def test_unanswered_write_counts_as_not_made_if_snapshots_do_not_show_it():
    report, _ = ran(*[UnreachableError("no answer")] * 9, deadline_s=60.0)
    (outcome,) = report.outcomes
    assert (outcome.result, report.exit) == (Result.NOT_STARTED, ExitCode.DEADLINE)


def test_run_ends_with_an_error_after_five_minutes_without_a_response():
    report, ports = ran(*[UnreachableError("no answer")] * 99)
    assert (report.exit, report.message) == (ExitCode.ERROR, "ended by an error: no answer")
    assert 300 <= ports.clock.seconds < 330


def test_signal_ends_the_run_before_anything_is_written():
    ports = FakePorts(stopping=True)
    report, _ = ran(ports=ports)
    assert report.exit is ExitCode.DEADLINE
    assert report.message == "the run was asked to end; migrations in flight continue"
    assert ports.writer.sent == []


def test_lost_lease_ends_the_run():
    ports = FakePorts()
    ports.config_lease.is_held = False
    report, _ = ran(ports=ports)
    assert (report.exit, ports.writer.sent) == (ExitCode.LEASE_HELD, [])
    assert report.outcomes[0].result is Result.NOT_STARTED


def test_fatal_response_ends_the_run_with_a_report():
    report, _ = ran(UnauthorizedError("401", status=401))
    assert (report.exit, report.message) == (ExitCode.ERROR, "ended by an error: 401")
    assert report.outcomes[0].result is Result.NOT_STARTED


class BreakingWriter(FakeWriter):
    """A writer that is interrupted after it has sent a request."""

    def write_each(self, actions, *, timeout_s):
        next(iter(actions))
        assert timeout_s() > 0
        raise BrokenOff
        yield


def test_interrupted_run_lets_its_leases_expire():
    ports = FakePorts(writer=BreakingWriter())
    report, _ = ran(ports=ports)
    assert report.message == BROKEN_OFF
    assert not ports.memory_lease.is_held
    assert report.outcomes[0].result is Result.RUNNING


def test_run_without_wait_reports_the_vm_as_written():
    report, ports = ran(TAKEN, follow=False)
    (outcome,) = report.outcomes
    assert (report.exit, outcome.result) == (ExitCode.DONE, Result.WRITTEN)
    assert (outcome.reason, outcome.actuation.value) == ("no-wait", "succeeded")
    assert [each for each, _ in ports.recorder.events] == ["MemoryPatched"]


def test_closed_window_ends_the_run_immediately_with_held_vms():
    report, ports = ran(choices=PlanPolicy(windows=(CLOSED,)))
    (outcome,) = report.outcomes
    assert (report.exit, outcome.result) == (ExitCode.BLOCKED, Result.HELD)
    assert (outcome.reason, report.message) == (
        "outside-window",
        "no further change can start now",
    )
    assert ports.clock.seconds == 0


def test_approved_object_that_was_removed_from_git_is_stale():
    (decision,) = decide(DESIRED, LIVE, PlanPolicy(), FakePorts().clock.now()).decisions
    action = decision.actions[0]
    approved = ApprovedAction(
        wave=action.wave,
        effect=action.effect,
        reason=action.reason,
        digest=action.digest,
        change="guest 1Gi -> 2Gi",
    )
    gone = vm_ref("db", "gone")
    approval = Approval(
        cluster="cluster",
        revision="c",
        digest="d",
        actions={VM: (approved,), gone: (replace(approved),)},
    )
    report, _ = ran(TAKEN, approval=approval, follow=False)
    results = {each.ref.name: each.result for each in report.outcomes}
    assert results == {"pg-0": Result.WRITTEN, "gone": Result.STALE}
    assert report.exit is ExitCode.STALE
