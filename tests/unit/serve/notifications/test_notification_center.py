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
from reconciler.model.references import vm_ref
from reconciler.model.service.notification import (
    NotificationKind,
    NotificationRecord,
    NotificationSeverity,
)
from reconciler.model.service.view import Role
from reconciler.serve.notifications.cause import Cause
from reconciler.serve.notifications.due import Known, Reported
from reconciler.serve.notifications.notification_center import NotificationCenter
from reconciler.serve.notifications.reported_codec import (
    MOST_CAUSES,
    MOST_DETAILED,
    decoded,
    encoded,
)

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
    """A fake Lease to which every write fails."""

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


def test_notification_is_not_sent_before_it_is_stored_on_the_lease(clock, sender):
    lease = DeafLease()
    center = NotificationCenter(lease, sender, clock)
    center.update(MISSING)
    assert (sender.sent, lease.writes) == ([], 1)
    center._lease = FakeLease()
    center.update(MISSING)
    assert sender.sent == ["not-found"]


def test_notification_that_becomes_due_while_the_process_stops_is_left_to_the_next_leader(
    clock, sender
):
    lease = FakeLease()
    sender.is_open = False
    NotificationCenter(lease, sender, clock).update(MISSING)
    assert (sender.sent, lease.kept) == ([], {})
    following = FakeSender()
    NotificationCenter(lease, following, clock).update(MISSING)
    assert following.sent == ["not-found"]


def test_bug_in_the_notification_code_is_logged_once_and_does_not_stop_lease_renewals(
    clock, sender, caplog
):
    center = NotificationCenter(FakeLease(), sender, clock)
    center.update(replace(MISSING, plan=object()))
    center.update(replace(MISSING, plan=object()))
    assert caplog.text.count("because of a bug in reconciler") == 1
    center.update(MISSING)
    assert sender.sent == ["not-found"]


def test_list_of_last_notifications_on_the_status_pages_is_updated_only_after_a_change(
    clock, sender
):
    shown = []
    center = NotificationCenter(FakeLease(), sender, clock, show=shown.append)
    center.update(QUIET)
    sender.records = (NotificationRecord(notification=make_notification()),)
    center.update(QUIET)
    center.update(replace(QUIET, notifications=sender.records))
    assert shown == [sender.records]


def test_standby_replica_sends_no_notification_and_rereads_the_lease_when_it_becomes_the_leader(
    clock, sender
):
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


@pytest.mark.parametrize(
    ("minutes", "view", "over"),
    [(19, QUIET, []), (20, QUIET, ["not-found"]), (20, replace(QUIET, plan=None), [])],
)
def test_problem_that_ends_during_a_restart_of_serve_is_reported_as_resolved_minutes_later(
    minutes, view, over, clock, sender
):
    lease = FakeLease()
    NotificationCenter(lease, sender, clock).update(MISSING)
    clock.sleep(3600)
    started = clock.now()
    center = NotificationCenter(lease, sender, clock)
    for _ in range(minutes + 1):
        center.update(replace(view, started_at=started, planned_at=clock.now()))
        assert sender.lasting == (), "it is not known whether the problem still exists"
        clock.sleep(60)
    assert sender.sent == ["not-found", *over]


def test_problem_that_lasts_during_a_restart_of_serve_causes_only_one_notification(clock, sender):
    lease = FakeLease()
    for _ in range(2):
        started, center = clock.now(), NotificationCenter(lease, sender, clock)
        for _ in range(25):
            center.update(replace(MISSING, started_at=started, planned_at=clock.now()))
            clock.sleep(60)
    assert sender.sent == ["not-found"]
    assert sender.lasting == ("not-found",)


def test_unchanged_notified_problems_are_not_written_to_the_lease_again_every_minute(
    clock, sender
):
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


def test_notified_problems_are_read_from_the_lease_without_their_messages():
    known = Known(since=NOW, seen=NOW + timedelta(minutes=3))
    assert decoded(encoded(Reported(known={"0123456789abcdef": known}))).reported == Reported(
        known={"0123456789abcdef": known}
    )
    assert encoded(Reported()) is None
    assert decoded(None) == decoded("")


def test_lease_stores_only_the_newest_notified_problems():
    known = {
        f"{n:016x}": Known(since=NOW, seen=NOW + timedelta(minutes=n))
        for n in range(MOST_CAUSES + 5)
    }
    text = encoded(Reported(known=known))
    assert len(text) < 64_000
    stored = decoded(text).reported.known
    assert (len(stored), min(stored)) == (MOST_CAUSES, f"{5:016x}")


def test_notified_problems_with_the_longest_names_fit_into_the_annotations_of_a_lease():
    ref = vm_ref("n" * 63, "v" * 253)
    cause = Cause(
        key="",
        kind=NotificationKind.WAITS_FOR_PERSON,
        severity=NotificationSeverity.CRITICAL,
        reason="r" * 63,
        ref=ref,
        message="",
    )
    known = Known(since=NOW, seen=NOW, cause=cause, n_subjects=1_000)
    text = encoded(Reported(known={f"{n:016x}": known for n in range(MOST_CAUSES)}))
    assert len(text) < 200_000
    restored = [each for each in decoded(text).reported.known.values() if each.restored]
    assert len(restored) == MOST_DETAILED
    assert restored[0].cause.ref == ref


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
        *(
            f'{{"causes": {{"0123456789abcdef": [1, 2, {details}]}}}}'
            for details in (
                '"failure"',
                '"other", "info", "r", "", "", "", 1',
                '"failure", "info", "<b>", "", "", "", 1',
                '"start", "info", "r", "VirtualMachine", "a", "b", 1',
                '"failure", "info", "r", "Secret", "a", "b", 1',
                '"failure", "info", "r", "VirtualMachine", "a", "b c", 1',
                '"failure", "info", "r", "VirtualMachine", "a", "b", true',
                '"failure", "info", 7, "", "", "", 1',
            )
        ),
    ],
)
def test_unreadable_notification_annotation_is_reported_and_counts_as_empty(
    text, clock, sender, caplog
):
    lease = FakeLease()
    lease.kept[NOTIFIED] = text
    NotificationCenter(lease, sender, clock).update(MISSING)
    assert sender.sent == ["not-found"]
    assert "notifications might be sent again" in caplog.text
    assert set(json.loads(lease.kept[NOTIFIED])) == {"causes"}
