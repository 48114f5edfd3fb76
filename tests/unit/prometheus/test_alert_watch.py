"""Tests when alerts in the newest response of Prometheus pause the rollout."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from support.builders import NOW
from support.fake_ports import FakeClock

from reconciler.model.alerts.alert_hold import AlertHoldReason
from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.prometheus.alert_reader import AlertsUnreadableError
from reconciler.prometheus.alert_watch import OLDEST_S, AlertWatch

CEPH = (AlertMatcher.parse("CephHealthError"),)
DOWN = (AlertMatcher.parse("KubeVirtDown"),)


class FakeSource:
    """A fake Prometheus with the responses that a test sets; it counts the queries."""

    def __init__(self) -> None:
        self.alerts: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.asked: list[tuple] = []
        self.answered, self.blocked = threading.Semaphore(0), threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def firing(self, matchers):
        self.asked.append(matchers)
        if not self.may_answer.wait(0):
            self.blocked.set()
            assert self.may_answer.wait(60)
        self.answered.release()
        if self.error is not None:
            raise self.error
        return self.alerts


@pytest.fixture
def source():
    return FakeSource()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def watch(source, clock):
    with AlertWatch(source, clock, interval_s=0.001, again_s=0.001) as found:
        yield found


def after_next_answer(source) -> None:
    """Wait until the response to a query that started after this call is stored."""
    while source.answered.acquire(blocking=False):
        pass
    for _ in range(3):
        assert source.answered.acquire(timeout=60)


def test_alert_watch_sends_no_query_without_alert_matchers(watch, source):
    assert watch.hold(()) is None
    assert source.asked == []


def test_first_call_of_the_alert_watch_waits_for_the_response_of_prometheus(watch, source):
    source.alerts = ("CephHealthError",)
    hold = watch.hold(CEPH)
    assert (hold.reason, hold.alerts) == (AlertHoldReason.FIRING, source.alerts)
    assert hold.message == "an alert is firing: CephHealthError"


def test_message_about_a_rollout_pause_lists_the_first_alerts(watch, source):
    source.alerts = ("A", "B", "C", "D")
    assert watch.hold(CEPH).message == "4 alerts are firing: A, B, C and 1 more"


def test_rollout_pause_lasts_as_long_as_the_alert_and_keeps_its_start_time(watch, source, clock):
    assert watch.hold(CEPH) is None
    clock.sleep(60)
    source.alerts = ("CephHealthError",)
    after_next_answer(source)
    assert watch.hold(CEPH).since == NOW + timedelta(seconds=60)
    clock.sleep(30)
    after_next_answer(source)
    assert watch.hold(CEPH).since == NOW + timedelta(seconds=60)
    source.alerts = ()
    after_next_answer(source)
    assert watch.hold(CEPH) is None


def test_unreadable_alerts_pause_the_rollout_and_are_logged_once(watch, source, caplog):
    source.error = AlertsUnreadableError("no response", hint="check it")
    hold = watch.hold(CEPH)
    assert (hold.reason, hold.hint) == (AlertHoldReason.UNREADABLE, "check it")
    assert hold.message == "cannot determine whether an alert is firing: no response"
    after_next_answer(source)
    assert caplog.text.count("cannot read the alerts") == 1
    source.error = None
    after_next_answer(source)
    assert watch.hold(CEPH) is None


def test_exception_while_reading_alerts_pauses_the_rollout_without_ending_the_thread(
    watch, source, caplog
):
    source.error = KeyError("metric")
    assert watch.hold(CEPH).message.endswith("a bug in reconciler: KeyError")
    source.error = None
    after_next_answer(source)
    assert watch.hold(CEPH) is None
    assert "because of a bug in reconciler" in caplog.text


def test_outdated_prometheus_response_pauses_the_rollout(watch, source, clock):
    assert watch.hold(CEPH) is None
    source.may_answer.clear()
    assert source.blocked.wait(60)
    clock.sleep(OLDEST_S + 1)
    hold = watch.hold(CEPH)
    source.may_answer.set()
    assert (hold.reason, hold.message) == (
        AlertHoldReason.UNREADABLE,
        "the last response from Prometheus is 61 s old",
    )


def test_rollout_pauses_after_waiting_only_once_for_a_slow_first_prometheus_response(
    source, clock
):
    source.may_answer.clear()
    with AlertWatch(source, clock, first_s=0.001) as watch:
        for _ in range(3):
            hold = watch.hold(CEPH)
            assert hold.message == "Prometheus has not responded yet"
        source.may_answer.set()
    assert source.asked == [CEPH]


def test_changed_alert_matchers_are_queried_immediately(source, clock):
    with AlertWatch(source, clock) as watch:
        watch.hold(CEPH)
        watch.hold(DOWN)
    assert source.asked[:2] == [CEPH, DOWN]


def test_alert_watch_reports_each_change_of_the_firing_alerts_once(source, clock):
    changed = []
    with AlertWatch(
        source, clock, interval_s=0.001, again_s=0.001, changed=lambda: changed.append(1)
    ) as watch:
        watch.hold(CEPH)
        after_next_answer(source)
        assert len(changed) == 1
        source.alerts = ("CephHealthError",)
        after_next_answer(source)
        after_next_answer(source)
        assert len(changed) == 2
