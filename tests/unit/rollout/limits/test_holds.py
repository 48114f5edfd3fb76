"""Tests when VM changes wait: for alerts, maintenance windows, canaries and batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import ALWAYS, NOW, make_desired, make_live, make_vm, make_vmi, want
from support.fake_ports import FakePorts

from reconciler.model.alerts.alert_hold import AlertHold, without_prometheus
from reconciler.model.desired.config import Canary, Window, WindowKind
from reconciler.model.explanation import Explanation
from reconciler.model.quantity import Duration
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.model.selector import Selector
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner
from reconciler.rollout.limits.holds import Holds, closed_hold, opened
from reconciler.rollout.tracking.hold import Hold
from reconciler.rollout.tracking.tracked_object import FinalResult, TrackedObject

CANARY, REST = vm_ref("db", "canary"), vm_ref("db", "rest")
SOAK_S = 1800.0


def canary_policy(**changes) -> PlanPolicy:
    canary = Canary(selector=Selector.parse("canary=true"), soak=Duration.parse("30m"))
    return PlanPolicy(**({"canary": canary} | changes))


class Round:
    """One planning round for two VMs, one of which is a canary."""

    def __init__(
        self, policy, *, canary="1Gi", ports=None, label="true", alerts=None, **changes
    ) -> None:
        self.ports = ports or FakePorts()
        live = make_live(
            make_vm(CANARY, guest=canary, **changes),
            make_vm(REST),
            vmis=(make_vmi(CANARY, guest=canary), make_vmi(REST)),
        )
        desired = make_desired(want("2Gi", CANARY, labels={"canary": label}), want("2Gi", REST))
        self.planner = Planner()
        self.holds = Holds(self.ports.context, self.ports.closer.memory)
        self.context = self.planner.update(
            desired, live, policy, self.ports.clock.now(), hold=alerts
        )
        self.objects = {
            ref: TrackedObject(
                planned=self.planner.decision(ref), latest=self.planner.decision(ref)
            )
            for ref in (CANARY, REST)
        }

    def end(self, ref, result=Result.DONE) -> None:
        why = Explanation(reason="reverted", message="so it is")
        self.objects[ref].ended(FinalResult(result=result, why=why), self.ports.clock.now())

    def hold(self, ref) -> Hold | None:
        self.holds.look(self.planner, self.objects)
        return self.holds.hold(self.planner.decision(ref), self.context)

    def reason(self, ref) -> str:
        hold = self.hold(ref)
        return hold.why.reason if hold else ""


def test_vm_change_starts_immediately_if_no_windows_canaries_or_batches_are_configured():
    first = Round(PlanPolicy())
    assert (first.reason(CANARY), first.reason(REST)) == ("", "")


def test_canary_change_starts_first_and_changes_of_other_vms_wait():
    first = Round(canary_policy())
    assert (first.reason(CANARY), first.reason(REST)) == ("", "waits-for-canaries")


def test_batch_of_vm_changes_starts_when_the_previous_batch_has_ended():
    batches = (Selector.parse("canary=true"),)
    first = Round(PlanPolicy(batches=batches))
    assert (first.reason(CANARY), first.reason(REST)) == ("", "waits-for-batch")
    first.end(CANARY)
    assert first.reason(REST) == ""


def test_failed_canary_change_delays_changes_of_other_vms_until_the_run_ends():
    first = Round(canary_policy())
    first.end(CANARY, Result.FAILED)
    hold = first.hold(REST)
    assert (hold.why.reason, hold.final, hold.result) == (
        "canary-failed",
        True,
        Result.NOT_STARTED,
    )
    assert hold.why.message == "the canary db/canary failed"


def test_canary_selector_without_a_matching_vm_delays_every_vm_change():
    first = Round(canary_policy(), label="false")
    assert (first.reason(CANARY), first.reason(REST)) == ("no-canary", "no-canary")
    assert first.hold(REST).result is Result.HELD


def test_changes_of_other_vms_wait_while_the_canary_change_cannot_start():
    first = Round(canary_policy())
    first.end(CANARY, Result.HELD)
    assert first.reason(REST) == "canaries-held"


def test_changes_of_other_vms_wait_if_the_only_canary_vm_is_suspended():
    first = Round(canary_policy(), suspended=True)
    del first.objects[CANARY]
    assert first.reason(REST) == "canaries-held"


class TestSoak:
    def converged(self, ports=None, **changes) -> Round:
        found = Round(canary_policy(), canary="2Gi", ports=ports, **changes)
        found.end(CANARY)
        return found

    def test_changes_of_other_vms_wait_until_the_canary_soak_time_ends(self):
        found = self.converged()
        hold = found.hold(REST)
        assert hold.why.reason == "canary-soak"
        assert hold.until == NOW + timedelta(seconds=SOAK_S)
        found.ports.clock.sleep(SOAK_S - 1)
        assert self.converged(found.ports).reason(REST) == "canary-soak"

    def test_canary_soak_time_continues_from_an_earlier_run(self):
        ports = FakePorts()
        first = Round(canary_policy(), canary="2Gi", ports=ports)
        first.objects.pop(CANARY)
        assert first.reason(REST) == "canary-soak"
        ports.clock.sleep(SOAK_S)
        second = Round(canary_policy(), canary="2Gi", ports=ports)
        second.objects.pop(CANARY)
        assert second.reason(REST) == ""

    @pytest.mark.parametrize(("age_s", "reason"), [(60, "canary-soak"), (SOAK_S + 60, "")])
    def test_canary_soak_time_starts_again_if_a_canary_has_changed(self, age_s, reason):
        ports = FakePorts()
        first = Round(canary_policy(), canary="2Gi", ports=ports)
        first.objects.pop(CANARY)
        first.reason(REST)
        ports.clock.sleep(SOAK_S)
        changed = ports.clock.now() - timedelta(seconds=age_s)
        second = Round(canary_policy(), canary="2Gi", ports=ports, guest_changed_at=changed)
        second.objects.pop(CANARY)
        assert second.reason(REST) == reason


class TestWindows:
    CLOSED = Window(kind=WindowKind.ALLOW, cron="0 22 * * *", duration=Duration.parse("2h"))
    SHORT = Window(kind=WindowKind.ALLOW, cron="0 12 * * *", duration=Duration.parse("1m"))

    def test_closed_maintenance_window_delays_every_vm_change(self):
        first = Round(PlanPolicy(windows=(self.CLOSED,)))
        hold = first.hold(REST)
        assert (hold.why.reason, hold.closed, hold.final) == ("outside-window", True, True)
        assert hold.until == NOW.replace(hour=22)
        assert closed_hold(opened(first.context)) == hold

    def test_vm_change_waits_if_its_first_migration_attempt_might_outlast_the_maintenance_window(
        self,
    ):
        hold = Round(PlanPolicy(windows=(self.SHORT,))).hold(REST)
        assert (hold.why.reason, hold.closed, hold.result) == (
            "outside-window",
            False,
            Result.HELD,
        )
        assert "the first attempt at this change might take" in hold.why.message

    def test_vm_change_does_not_wait_if_its_first_migration_attempt_fits_the_maintenance_window(
        self,
    ):
        assert Round(PlanPolicy(windows=(ALWAYS,))).reason(REST) == ""


class TestAlerts:
    FIRING = AlertHold(since=NOW, message="an alert is firing: CephHealthError")

    def test_run_does_not_wait_for_the_end_of_an_alert_that_fired_before_the_run(self):
        first = Round(canary_policy(), alerts=self.FIRING)
        hold = first.hold(CANARY)
        assert (hold.why.reason, hold.final, hold.closed) == ("alert-firing", True, True)
        assert hold.why.message == "not started: an alert is firing: CephHealthError"
        assert first.hold(REST) == hold

    @pytest.mark.parametrize(("after_s", "final"), [(0, False), (299, False), (300, True)])
    def test_run_waits_five_minutes_for_the_end_of_an_alert_that_starts_during_the_run(
        self, after_s, final
    ):
        first = Round(PlanPolicy())
        began = replace(self.FIRING, since=NOW + timedelta(seconds=60))
        now = began.since + timedelta(seconds=after_s)
        first.context = replace(first.context, now=now, hold=began)
        hold = first.hold(REST)
        assert (hold.final, hold.result) == (final, Result.HELD)

    def test_run_without_a_prometheus_url_does_not_wait_for_alerts(self):
        first = Round(PlanPolicy())
        missing = without_prometheus(NOW + timedelta(seconds=1))
        first.context = replace(first.context, now=missing.since, hold=missing)
        assert (first.reason(REST), first.hold(REST).final) == ("no-prometheus", True)


def test_reason_for_delayed_vm_changes_is_reported_once_with_the_number_of_vms():
    ports = FakePorts()
    holds = Holds(ports.context, ports.closer.memory)
    hold = Hold(why=Explanation(reason="canary-soak", message="starts later"))
    for _ in range(2):
        holds.report({CANARY: hold, REST: hold})
    other = replace(hold, why=Explanation(reason="waits-for-batch", message="starts after it"))
    holds.report({REST: other})
    assert [(each.step, each.message, each.reason) for each in ports.progress] == [
        (Step.BARRIER, "2 VMs: starts later", "canary-soak"),
        (Step.BARRIER, "1 VM: starts after it", "waits-for-batch"),
    ]
