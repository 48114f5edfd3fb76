"""Tests how notifications are queued, retried and dropped without blocking the caller."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from support.fake_ports import FakeClock
from support.serving.notifications import make_notification

from reconciler.errors import UsageError
from reconciler.model.service.notification import NotificationKind
from reconciler.model.service.receiver import NotifySettings, Receiver, ReceiverKind
from reconciler.notify.delivery import Attempt
from reconciler.notify.notifier import GIVE_UP_S, MOST_QUEUED, REPEAT_S, Notifier
from reconciler.report.notification.bodies import BODIES

OK = Attempt(sent=True)
BUSY = Attempt(repeat=True, problem="the receiver returned status 503")
REJECTED = Attempt(problem="the receiver returned status 404")
OPS = Receiver(name="ops", kind=ReceiverKind.SLACK, url="https://slack.example/hook")
AUDIT = Receiver(name="audit", kind=ReceiverKind.WEBHOOK, url="https://audit.example")
ALERTS = Receiver(name="alerts", kind=ReceiverKind.ALERTMANAGER, url="https://am.example")
ENDED = make_notification(id="e" * 16, kind=NotificationKind.END, lasting=False)


class Receivers:
    """Notification receivers whose responses a test sets, and everything that was sent to them."""

    def __init__(self, *receivers: Receiver, **options) -> None:
        self.settings = NotifySettings(receivers=receivers)
        self.answers: dict[str, list[Attempt]] = {}
        self.sent: list[tuple[str, str]] = []
        self.counted: list[tuple[str, str]] = []
        self.error: Exception | None = None
        self.clock = FakeClock()
        self.notifier = Notifier(
            self.read,
            BODIES,
            self.clock,
            counted=lambda *each: self.counted.append(each),
            **{"deliver": self.deliver, **options},
        )

    def read(self) -> NotifySettings:
        if self.error is not None:
            raise self.error
        return self.settings

    def deliver(self, receiver, body, _clock, *, key="") -> Attempt:
        assert body
        self.sent.append((receiver.name, key))
        answers = self.answers.get(receiver.name) or [OK]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def works(self, seconds: float = 0.0) -> list[str]:
        """Send the notifications that are due after some seconds; return their receivers."""
        self.clock.sleep(seconds)
        before = len(self.sent)
        self.notifier.work()
        return [name for name, _ in self.sent[before:]]

    def states(self) -> dict[str, str]:
        (record, *_) = self.notifier.history()
        return {each.receiver: str(each.state) for each in record.deliveries}


def test_notification_is_sent_to_each_receiver_that_selects_its_kind():
    found = Receivers(OPS, replace(AUDIT, events=frozenset({NotificationKind.END})))
    found.notifier.send((make_notification(),))
    assert found.works() == ["ops"]
    found.notifier.send((ENDED,))
    assert found.works() == ["ops", "audit"]
    assert found.counted == [("ops", "sent"), ("ops", "sent"), ("audit", "sent")]


def test_resolved_notification_is_not_sent_to_a_receiver_with_send_resolved_set_to_false():
    found = Receivers(OPS, replace(AUDIT, send_resolved=False))
    found.notifier.send((make_notification(resolved=True),))
    assert found.works() == ["ops"]


def test_failed_notification_is_retried_with_growing_pauses_and_the_same_identifier():
    found = Receivers(OPS)
    found.answers["ops"] = [BUSY, BUSY, OK]
    found.notifier.send((make_notification(),))
    assert [found.works(), found.works(), found.works(2), found.works(4)] == [
        ["ops"],
        [],
        ["ops"],
        ["ops"],
    ]
    assert {key for _, key in found.sent} == {make_notification().id}
    assert (found.states(), found.counted) == ({"ops": "sent"}, [("ops", "sent")])


def test_notification_is_not_retried_before_the_time_that_the_receiver_requests():
    found = Receivers(OPS)
    found.answers["ops"] = [replace(BUSY, wait_s=120.0), OK]
    found.notifier.send((make_notification(),))
    assert [found.works(), found.works(119), found.works(1)] == [["ops"], [], ["ops"]]


def test_notification_that_cannot_be_sent_is_finally_dropped_logged_and_counted(caplog):
    found = Receivers(OPS)
    found.answers["ops"] = [BUSY]
    found.notifier.send((make_notification(),))
    found.works()
    found.works(GIVE_UP_S + 1)
    assert (found.states(), found.counted) == ({"ops": "failed"}, [("ops", "failed")])
    assert (
        "was not sent to the receiver ops after 2 attempts: the receiver returned status 503"
        in caplog.text
    )
    assert found.works(60) == []


def test_notification_that_the_receiver_rejects_is_not_retried():
    found = Receivers(OPS)
    found.answers["ops"] = [REJECTED]
    found.notifier.send((make_notification(),))
    assert [found.works(), found.works(60)] == [["ops"], []]
    assert found.states() == {"ops": "failed"}


def test_unresponsive_receiver_does_not_delay_notifications_to_other_receivers():
    found = Receivers(OPS, AUDIT)
    found.answers["ops"] = [BUSY]
    first, second = make_notification(), make_notification(id="a" * 16)
    found.notifier.send((first, second))
    found.works()
    found.works()
    assert [each for each in found.sent if each[0] == "audit"] == [
        ("audit", first.id),
        ("audit", second.id),
    ]


def test_oldest_notification_is_dropped_when_the_queue_of_a_receiver_is_full(caplog):
    found = Receivers(OPS)
    found.answers["ops"] = [BUSY]
    for number in range(MOST_QUEUED + 1):
        found.notifier.send((make_notification(id=f"{number:016x}"),))
        found.works()
    assert found.counted == [("ops", "dropped")]
    assert "the queue was full" in caplog.text


def test_changed_notification_receivers_apply_to_the_next_notification():
    found = Receivers(OPS)
    found.answers["ops"] = [BUSY]
    found.notifier.send((make_notification(),))
    found.works()
    found.settings = NotifySettings(receivers=(AUDIT,))
    found.notifier.send((ENDED,))
    assert found.works() == ["audit"]
    assert found.counted == [("ops", "dropped"), ("audit", "sent")]


def test_notification_receivers_stay_in_use_while_their_file_cannot_be_read(caplog):
    found = Receivers(OPS)
    found.works()
    found.error = UsageError("--notify /etc/notify.yaml:3:1: bad")
    found.notifier.send((make_notification(),))
    assert found.works() == ["ops"]
    found.works()
    assert caplog.text.count("cannot use the new notification settings") == 1


def test_existing_problems_are_sent_again_every_minute_only_to_alertmanager():
    found = Receivers(OPS, ALERTS)
    found.notifier.repeat((make_notification(),))
    assert found.works() == ["alerts"]
    assert found.works(REPEAT_S - 1) == []
    assert found.works(1) == ["alerts"]
    assert {key for _, key in found.sent} == {""}
    found.notifier.repeat(())
    assert found.works(REPEAT_S) == []


def test_failure_to_send_existing_problems_to_alertmanager_again_is_logged_once(caplog):
    found = Receivers(ALERTS)
    found.answers["alerts"] = [BUSY]
    found.notifier.repeat((make_notification(),))
    for _ in range(3):
        found.works(REPEAT_S * 2)
    assert caplog.text.count("cannot send the unresolved problems to the receiver") == 1
    assert found.counted == []


def test_notification_history_starts_with_the_newest_notification():
    found = Receivers(OPS)
    for number in range(3):
        found.notifier.send((make_notification(id=f"{number:016x}"),))
        found.works()
    assert [each.notification.id[-1] for each in found.notifier.history()] == ["2", "1", "0"]


def test_slow_notification_receiver_blocks_no_caller_and_delays_the_shutdown_only_briefly():
    entered, released = threading.Event(), threading.Event()

    def hang(*_given, **_named) -> Attempt:
        entered.set()
        released.wait(60)
        return OK

    found = Receivers(OPS, deliver=hang, end_s=0.01)
    with found.notifier:
        found.notifier.send((make_notification(),))
        assert entered.wait(60)
        for number in range(3):
            found.notifier.send((make_notification(id=f"{number:016x}"),))
    assert found.counted == []
    released.set()


def test_queued_notification_is_sent_before_the_process_ends():
    found = Receivers(OPS)
    with found.notifier:
        found.notifier.send((make_notification(),))
    assert found.counted == [("ops", "sent")]


def test_exception_in_one_notification_does_not_affect_other_notifications(caplog):
    def broken(*_given, key, **_named) -> Attempt:
        if key == ENDED.id:
            raise KeyError("x")
        return OK

    found = Receivers(OPS, deliver=broken)
    found.notifier.send((ENDED, make_notification()))
    found.works()
    found.works(60)
    assert found.counted == [("ops", "failed"), ("ops", "sent")]
    assert "because of a bug in reconciler" in caplog.text


@pytest.mark.parametrize("text", [repr(OPS), str(NotifySettings(receivers=(OPS,)))])
def test_string_representation_of_a_notification_receiver_does_not_contain_its_url(text):
    assert "hook" not in text
