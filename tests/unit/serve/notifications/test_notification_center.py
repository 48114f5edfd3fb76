"""Tests that each notification is sent once, even after a change of the leader."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, make_desired, make_live, want
from support.fake_ports import FakeClock, FakeLease
from support.serving.notifications import make_notification
from support.serving.service_view import make_view

from reconciler.model.annotations import NOTIFIED
from reconciler.model.service.notification import NotificationRecord
from reconciler.model.service.view import Role
from reconciler.serve.notifications.due import Known, Reported
from reconciler.serve.notifications.notification_center import NotificationCenter
from reconciler.serve.notifications.reported_codec import MOST_CAUSES, decoded, encoded

MISSING = make_view(make_desired(want("1Gi")), make_live())
QUIET = make_view()


class FakeSender:
    def __init__(self) -> None:
        self.sent, self.lasting, self.is_open, self.records = [], (), True, ()

    def send(self, notifications) -> None:
        self.sent += [each.reason for each in notifications]

    def history(self):
        return self.records

    def repeat(self, lasting) -> None:
        self.lasting = tuple(each.reason for each in lasting)


class DeafLease(FakeLease):
    """A lease that cannot be written."""

    def annotate(self, _annotations) -> bool:
        self.writes += 1
        return False


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


def test_next_leader_does_not_repeat_a_notification(clock, sender):
    lease = FakeLease()
    NotificationCenter(lease, sender, clock).update(MISSING)
    assert sender.sent == ["not-found"]
    clock.sleep(3600)
    center = NotificationCenter(lease, sender, clock)
    center.update(MISSING)
    center.update(MISSING)
    assert (sender.sent, sender.lasting) == (["not-found"], ("not-found",))


def test_notification_is_not_sent_before_its_cause_is_stored(clock, sender):
    lease = DeafLease()
    center = NotificationCenter(lease, sender, clock)
    center.update(MISSING)
    assert (sender.sent, lease.writes) == ([], 1)
    center._lease = FakeLease()
    center.update(MISSING)
    assert sender.sent == ["not-found"]


def test_notification_that_becomes_due_while_the_process_ends_is_left_to_the_next_leader(
    clock, sender
):
    lease = FakeLease()
    sender.is_open = False
    NotificationCenter(lease, sender, clock).update(MISSING)
    assert (sender.sent, lease.kept) == ([], {})
    following = FakeSender()
    NotificationCenter(lease, following, clock).update(MISSING)
    assert following.sent == ["not-found"]


def test_bug_is_logged_once_and_does_not_reach_the_thread_of_the_lease(clock, sender, caplog):
    center = NotificationCenter(FakeLease(), sender, clock)
    center.update(replace(MISSING, plan=object()))
    center.update(replace(MISSING, plan=object()))
    assert caplog.text.count("because of a bug in reconciler") == 1
    center.update(MISSING)
    assert sender.sent == ["not-found"]


def test_last_notifications_are_shown_when_they_have_changed(clock, sender):
    shown = []
    center = NotificationCenter(FakeLease(), sender, clock, show=shown.append)
    center.update(QUIET)
    sender.records = (NotificationRecord(notification=make_notification()),)
    center.update(QUIET)
    center.update(replace(QUIET, notifications=sender.records))
    assert shown == [sender.records]


def test_standby_replica_sends_nothing_and_a_later_leader_reads_the_lease_again(clock, sender):
    lease = FakeLease()
    center = NotificationCenter(lease, sender, clock)
    standby = replace(MISSING, role=Role.STANDBY)
    center.update(standby)
    assert (sender.sent, lease.kept) == ([], {})
    NotificationCenter(lease, FakeSender(), clock).update(MISSING)
    center.update(MISSING)
    assert sender.sent == []
    center.update(standby)
    assert sender.lasting == ()


def test_problem_from_an_earlier_process_is_not_reported_as_over_if_it_was_never_seen(
    clock, sender
):
    lease = FakeLease()
    NotificationCenter(lease, sender, clock).update(MISSING)
    center = NotificationCenter(lease, sender, clock)
    clock.sleep(3600)
    center.update(replace(QUIET, planned_at=clock.now()))
    assert sender.sent == ["not-found"]


def test_lease_is_not_written_if_nothing_has_changed(clock, sender):
    lease = FakeLease()
    center = NotificationCenter(lease, sender, clock)
    center.update(MISSING)
    for _ in range(10):
        clock.sleep(60)
        center.update(MISSING)
    assert lease.writes == 1
    clock.sleep(1800)
    center.update(MISSING)
    assert lease.writes == 2


def test_stored_causes_are_read_back_without_their_texts():
    known = Known(since=NOW, seen=NOW + timedelta(minutes=3))
    assert decoded(encoded(Reported(known={"0123456789abcdef": known}))).reported == Reported(
        known={"0123456789abcdef": known}
    )
    assert encoded(Reported()) is None
    assert decoded(None) == decoded("")


def test_only_the_newest_causes_are_stored():
    known = {
        f"{n:016x}": Known(since=NOW, seen=NOW + timedelta(minutes=n))
        for n in range(MOST_CAUSES + 5)
    }
    text = encoded(Reported(known=known))
    assert len(text) < 64_000
    stored = decoded(text).reported.known
    assert (len(stored), min(stored)) == (MOST_CAUSES, f"{5:016x}")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "7",
        "{}",
        '{"causes": 3}',
        '{"causes": {"x": [1, 2]}}',
        '{"causes": {"0123456789abcdef": [1]}}',
        '{"causes": {"0123456789abcdef": [1, "2"]}}',
        '{"causes": {"0123456789abcdef": [1, -2]}}',
        '{"causes": {"0123456789abcdef": [1, 1e300]}}',
        "[" * 100_000,
    ],
)
def test_unreadable_annotation_is_reported_and_counts_as_empty(text, clock, sender, caplog):
    lease = FakeLease()
    lease.kept[NOTIFIED] = text
    NotificationCenter(lease, sender, clock).update(MISSING)
    assert sender.sent == ["not-found"]
    assert "notifications may be sent again" in caplog.text
    assert set(json.loads(lease.kept[NOTIFIED])) == {"causes"}
