"""Tests how a run ends, and how it reports objects whose change is unfinished."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, VM, decide, make_desired, make_live, make_vm, make_vmi, q, want
from support.fake_ports import FakePorts, FakeRecorder, FakeWriter

from reconciler.errors import BrokenOff, UnauthorizedError, UnreachableError
from reconciler.model.alerts.alert_hold import AlertHold
from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.annotations import ROLLOUT
from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.fields import MAX_HOTPLUG_RATIO
from reconciler.model.plan.approval import Approval, ApprovedAction
from reconciler.model.quantity import Duration
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.model.run.progress import Step
from reconciler.model.run.write_result import Written
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.run import BROKEN_OFF, run
from reconciler.rollout.tracking import checkpoint_codec
from reconciler.rollout.tracking.tracked_object import IllegalTransitionError
from reconciler.rollout.writes import write_pause

OTHER = vm_ref("db", "other")
LIVE = make_live(make_vm(), vmis=(make_vmi(),))
DESIRED = make_desired(want("2Gi"))
TAKEN = Written(status=200, vm=make_vm(guest="2Gi", generation=2))
CLOSED = Window(kind=WindowKind.ALLOW, cron="0 22 * * *", duration=Duration.parse("2h"))


def taken(ref):
    return Written(status=200, vm=make_vm(ref, guest="2Gi", generation=2))


def ran(*answers, ports=None, live=LIVE, choices=None, desired=DESIRED, context=None, **policy):
    """Run with fakes, and return the report together with the ports that the run used."""
    ports = ports or FakePorts(writer=FakeWriter(answers))
    ports.informer.live = live
    choices = choices or PlanPolicy()
    plan = decide(desired, live, choices, ports.clock.now())
    write_pause._RANDOM.seed(0)  # the same pauses in each run of a test
    found = run(
        plan,
        desired,
        choices,
        RolloutPolicy(**policy),
        context or ports.context,
        run_id="test-run",
    )
    return found, ports


def test_vm_whose_change_is_in_progress_at_the_run_deadline_is_reported_as_running():
    report, ports = ran(TAKEN, deadline_s=10.0)
    (outcome,) = report.outcomes
    assert (report.exit, outcome.result) == (ExitCode.DEADLINE, Result.RUNNING)
    assert report.message == "the deadline was reached; running migrations continue"
    assert ports.clock.seconds == pytest.approx(10.0)
    assert [each for each, _ in ports.recorder.events] == ["MemoryPatched"]


def test_unanswered_write_is_reported_as_unknown_when_the_run_ends():
    report, _ = ran(UnreachableError("no answer"), deadline_s=1.0)
    (outcome,) = report.outcomes
    assert outcome.result is Result.RUNNING
    assert outcome.why.message.startswith("the API server did not respond to the last write")


def test_unanswered_write_is_treated_as_not_executed_if_later_snapshots_lack_the_change():
    report, _ = ran(*[UnreachableError("no answer")] * 9, deadline_s=60.0)
    (outcome,) = report.outcomes
    assert (outcome.result, report.exit) == (Result.NOT_STARTED, ExitCode.DEADLINE)


def test_run_ends_with_an_error_after_five_minutes_without_a_response_to_its_writes():
    report, ports = ran(*[UnreachableError("no answer")] * 99)
    assert (report.exit, report.message) == (
        ExitCode.ERROR,
        "the run ended because of an error: no answer",
    )
    assert 300 <= ports.clock.seconds < 330


def test_stop_signal_ends_the_run_before_anything_is_written():
    ports = FakePorts(stopping=True)
    report, _ = ran(ports=ports)
    assert report.exit is ExitCode.DEADLINE
    assert report.message == "a signal ended the run; running migrations continue"
    assert ports.writer.sent == []


def test_run_ends_when_it_loses_its_lease():
    ports = FakePorts()
    ports.config_lease.is_held = False
    report, _ = ran(ports=ports)
    assert (report.exit, ports.writer.sent) == (ExitCode.LEASE_HELD, [])
    assert report.outcomes[0].result is Result.NOT_STARTED


def test_fatal_server_response_ends_the_run_with_a_report():
    report, _ = ran(UnauthorizedError("401", status=401))
    assert (report.exit, report.message) == (
        ExitCode.ERROR,
        "the run ended because of an error: 401",
    )
    assert report.outcomes[0].result is Result.NOT_STARTED


class BreakingWriter(FakeWriter):
    """A fake writer that is interrupted after it has sent a request."""

    def write_each(self, actions, *, timeout_s):
        next(iter(actions))
        assert timeout_s() > 0
        raise BrokenOff
        yield


def test_interrupted_run_does_not_release_its_leases_and_lets_them_expire():
    ports = FakePorts(writer=BreakingWriter())
    report, _ = ran(ports=ports)
    assert report.message == BROKEN_OFF
    assert not ports.memory_lease.is_held
    assert report.outcomes[0].result is Result.RUNNING


TWO = make_desired(want("2Gi"), want("2Gi", OTHER))
TWO_LIVE = make_live(make_vm(), make_vm(OTHER), vmis=(make_vmi(), make_vmi(OTHER)))


class FailingRecorder(FakeRecorder):
    """A fake event recorder that raises an internal error at the first Event of one VM."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def record(self, ref, uid, *, reason, message, warning=False) -> None:
        if ref.name == self._name:
            raise IllegalTransitionError(f"{ref.name} cannot be accepted: it is ended")
        super().record(ref, uid, reason=reason, message=message, warning=warning)


def test_internal_error_about_one_vm_does_not_stop_the_tracking_of_another_vm():
    ports = FakePorts(
        writer=FakeWriter([taken(OTHER), taken(VM)]), recorder=FailingRecorder("pg-0")
    )
    grown = make_vmi(OTHER, guest="2Gi", guest_at_boot=q("1Gi"), guest_current=q("2Gi"))
    done = make_live(make_vm(guest="2Gi"), make_vm(OTHER, guest="2Gi"), vmis=(make_vmi(), grown))

    class Grows(list):
        def append(self, progress):
            if progress.step is Step.FAILED:
                ports.informer.live = done

    context = replace(ports.context, listener=Grows().append)
    report, _ = ran(ports=ports, context=context, live=TWO_LIVE, desired=TWO, deadline_s=60.0)
    found = {each.ref: each for each in report.outcomes}
    assert report.exit is ExitCode.ERROR
    assert (found[VM].result, found[VM].reason) == (Result.FAILED, "internal-error")
    assert found[VM].why.message.endswith("pg-0 cannot be accepted: it is ended")
    assert found[OTHER].result is Result.DONE
    assert [each for each, _ in ports.recorder.events] == ["MemoryPatched", "MemoryReached"]
    stored = checkpoint_codec.decoded(ports.memory_lease.kept[ROLLOUT]).checkpoint
    assert stored.failures == {}
    assert set(stored.written) == {VM}


def test_internal_error_about_one_vm_prevents_further_changes_in_the_run():
    ports = FakePorts(writer=FakeWriter([taken(OTHER)]), recorder=FailingRecorder("other"))
    report, _ = ran(ports=ports, live=TWO_LIVE, desired=TWO, deadline_s=60.0)
    results = {each.ref: each.result for each in report.outcomes}
    assert results == {OTHER: Result.FAILED, VM: Result.NOT_STARTED}
    assert report.exit is ExitCode.ERROR
    assert len(ports.writer.sent) == 1
    assert report.message.startswith("no further change starts, because of a bug in reconciler")


def test_unexpected_exception_ends_the_run_with_a_report_and_keeps_its_leases(caplog):
    class Broken(FakeWriter):
        def write_each(self, actions, *, timeout_s):
            next(iter(actions))
            assert timeout_s() > 0
            raise KeyError("vmi")
            yield

    ports = FakePorts(writer=Broken())
    report, _ = ran(ports=ports)
    assert report.exit is ExitCode.ERROR
    assert report.message == "the run ended because of a bug in reconciler: KeyError: 'vmi'"
    assert [each.result for each in report.outcomes] == [Result.RUNNING]
    assert not ports.memory_lease.is_held
    assert "report the bug" in caplog.text


def test_run_with_the_no_wait_option_reports_a_patched_vm_as_written():
    report, ports = ran(TAKEN, follow=False)
    (outcome,) = report.outcomes
    assert (report.exit, outcome.result) == (ExitCode.DONE, Result.WRITTEN)
    assert (outcome.reason, outcome.actuation.value) == ("no-wait", "succeeded")
    assert [each for each, _ in ports.recorder.events] == ["MemoryPatched"]


def test_run_outside_the_maintenance_window_ends_immediately_and_reports_waiting_vms():
    report, ports = ran(choices=PlanPolicy(windows=(CLOSED,)))
    (outcome,) = report.outcomes
    assert (report.exit, outcome.result) == (ExitCode.BLOCKED, Result.HELD)
    assert (outcome.reason, report.message) == (
        "outside-window",
        "no further change can start now",
    )
    assert ports.clock.seconds == 0


class FakeAlerts:
    """Fake alerts that fire in given seconds of the clock, counted from the start of a test."""

    def __init__(self, clock, fires) -> None:
        self._clock, self._fires = clock, fires

    def hold(self, matchers):
        assert matchers == HELD.hold_while
        if self._clock.seconds not in self._fires:
            return None
        since = NOW + timedelta(seconds=self._fires.start)
        return AlertHold(since=since, message="an alert is firing: CephHealthError")


HELD = PlanPolicy(hold_while=(AlertMatcher.parse("CephHealthError"),))


def test_run_ends_immediately_if_it_has_no_access_to_the_alerts_that_git_names():
    report, ports = ran(choices=HELD)
    (outcome,) = report.outcomes
    assert (report.exit, outcome.result, outcome.reason) == (
        ExitCode.BLOCKED,
        Result.HELD,
        "no-prometheus",
    )
    assert (ports.writer.sent, ports.clock.seconds) == ([], 0)


def test_run_starts_no_change_while_an_alert_is_firing():
    ports = FakePorts()
    context = replace(ports.context, alerts=FakeAlerts(ports.clock, range(1000)))
    report, _ = ran(ports=ports, context=context, choices=HELD)
    assert (report.outcomes[0].reason, ports.writer.sent) == ("alert-firing", [])
    assert report.exit is ExitCode.BLOCKED


def test_run_tracks_its_changes_to_their_end_although_an_alert_starts_to_fire():
    ports = FakePorts(writer=FakeWriter([taken(OTHER)]))
    context = replace(ports.context, alerts=FakeAlerts(ports.clock, range(1, 1000)))
    one_at_a_time = replace(HELD, max_concurrent=1)
    report, _ = ran(
        ports=ports,
        context=context,
        choices=one_at_a_time,
        live=TWO_LIVE,
        desired=TWO,
        deadline_s=30.0,
    )
    found = {each.ref: (each.result, each.reason) for each in report.outcomes}
    assert len(ports.writer.sent) == 1
    assert sorted(result for result, _ in found.values()) == [Result.HELD, Result.RUNNING]
    assert "alert-firing" in {reason for _, reason in found.values()}


def test_kubevirt_cr_is_not_written_while_an_alert_is_firing():
    ports = FakePorts()
    context = replace(ports.context, alerts=FakeAlerts(ports.clock, range(1000)))
    desired = make_desired(kubevirt={MAX_HOTPLUG_RATIO: 8})
    report, _ = ran(ports=ports, context=context, choices=HELD, desired=desired)
    assert [each.reason for each in report.outcomes] == ["alert-firing"]
    assert (report.exit, ports.writer.sent) == (ExitCode.BLOCKED, [])


def test_approval_for_an_object_that_was_removed_from_git_is_stale():
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
