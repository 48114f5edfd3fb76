"""Tests that Kubernetes Events are sent in the background, and lost Events are counted."""

from __future__ import annotations

import itertools
import logging
import threading
from types import SimpleNamespace

import pytest

from reconciler.cluster.api import resource_paths
from reconciler.cluster.write import event_queue, events
from reconciler.cluster.write.event_queue import SENDERS, QueuedRecorder
from reconciler.cluster.write.events import ClusterRecorder
from reconciler.errors import BackgroundError
from reconciler.model.references import vm_ref

EVENTS = "/apis/events.k8s.io/v1/namespaces/db/events"
PG0 = vm_ref("db", "pg-0")
QUIET = {"hurried": lambda: False, "broken": lambda _: None}
LONG_S = 20.0
"""A time in seconds that is longer than any test."""


class Endpoint:
    """A handler for Event requests that waits until the test lets it respond."""

    def __init__(self, reply) -> None:
        self.came = threading.Semaphore(0)
        self.opened = threading.Event()
        self.steps: list[tuple[str, str, str]] = []
        """The arrival ("comes") and the response ("goes") of each Event, with its reason."""
        self.most = self._now = 0
        self._reply = reply
        self._lock = threading.Lock()

    def handle(self, request):
        name, reason = request.body["regarding"]["name"], request.body["reason"]
        with self._lock:
            self.steps.append(("comes", name, reason))
            self._now += 1
            self.most = max(self.most, self._now)
        self.came.release()
        self.opened.wait(LONG_S)
        with self._lock:
            self.steps.append(("goes", name, reason))
            self._now -= 1
        return self._reply(201, {})

    def of(self, which: str) -> list[str]:
        with self._lock:
            return [reason for step, _, reason in self.steps if step == which]


@pytest.fixture
def endpoint(server, reply, monkeypatch):
    monkeypatch.setattr(events, "_LIMIT_S", 3 * LONG_S)
    endpoint = Endpoint(reply)
    server.handlers[EVENTS] = endpoint.handle
    yield endpoint
    endpoint.opened.set()


@pytest.fixture
def make(client, clock):
    def make(**options):
        recorder = ClusterRecorder(client, clock=clock, instance="run-1", revision="commit")
        return QueuedRecorder(recorder, **{**QUIET, **options})

    return make


def record(recorder, reason, ref=PG0):
    recorder.record(ref, f"uid-{ref.name}", reason=reason, message="m")


def lines(caplog):
    return [
        (each.levelno, each.getMessage())
        for each in caplog.records
        if "Kubernetes Events were not created" in each.getMessage()
    ]


def apart():
    """Return VMs whose Events are sent by different threads."""
    named = (vm_ref("db", f"vm-{number}") for number in itertools.count())
    found = {}
    while len(found) < SENDERS:
        ref = next(named)
        found.setdefault(hash(ref) % SENDERS, ref)
    return list(found.values())


def test_patch_is_sent_while_an_event_request_is_still_unanswered(
    server, make, client, endpoint, reply
):
    server.on(resource_paths.of(PG0), reply(200, {}))
    with make() as recorder:
        for reason in "ABC":
            record(recorder, reason)
        assert endpoint.came.acquire(timeout=LONG_S)
        assert client.patch(resource_paths.of(PG0), []).ok
        assert endpoint.of("goes") == []
        endpoint.opened.set()
    assert endpoint.of("goes") == ["A", "B", "C"]


def test_events_about_several_objects_are_sent_concurrently(make, endpoint):
    with make() as recorder:
        for ref in (*apart(), *apart()):
            record(recorder, "A", ref)
        for _ in range(SENDERS):
            assert endpoint.came.acquire(timeout=LONG_S)
        assert not endpoint.came.acquire(timeout=0.2)
        endpoint.opened.set()
    assert endpoint.most == SENDERS


def test_events_about_one_object_are_sent_in_order(make, endpoint):
    first, other, *_ = apart()
    with make() as recorder:
        for reason in "ABC":
            record(recorder, reason, first)
        record(recorder, "X", other)

        def opening():
            for _ in range(2):  # one per object: the next event waits for its response
                endpoint.came.acquire(timeout=LONG_S)
            endpoint.opened.set()

        opener = threading.Thread(target=opening)
        opener.start()
    opener.join()
    assert [(step, reason) for step, name, reason in endpoint.steps if name == first.name] == [
        (step, reason) for reason in "ABC" for step in ("comes", "goes")
    ]


def test_queued_kubernetes_event_has_the_time_at_which_the_event_happened(
    server, make, endpoint, clock
):
    with make() as recorder:
        for second in (0, 5, 9):
            clock.elapsed = second
            record(recorder, "A")
        clock.elapsed = 50
        endpoint.opened.set()
    assert [each.body["eventTime"][-10:-8] for each in server.requests] == ["00", "05", "09"]


def test_all_queued_events_are_sent_before_the_run_ends(make, endpoint, caplog):
    endpoint.opened.set()
    with make() as recorder:
        for number in range(50):
            record(recorder, "A", vm_ref("db", f"vm-{number}"))
    assert endpoint.of("goes") == ["A"] * 50
    assert lines(caplog) == []


def test_queued_events_beyond_the_limit_are_dropped_and_counted(make, endpoint, caplog):
    with make(most_waiting=2) as recorder:
        for reason in "ABCDE":
            record(recorder, reason)
        endpoint.opened.set()
    assert endpoint.of("goes") == ["A", "B"]
    assert lines(caplog) == [(logging.WARNING, "3 of 5 Kubernetes Events were not created")]


def test_events_dropped_after_a_failure_are_counted(server, make, failure, caplog):
    server.on(EVENTS, failure(403, "cannot create events", "Forbidden"))
    with make() as recorder:
        for reason in "ABCDE":
            record(recorder, reason)
    assert [each.body["reason"] for each in server.requests] == ["A"]
    assert lines(caplog) == [(logging.WARNING, "5 of 5 Kubernetes Events were not created")]
    said = [
        each.levelno
        for each in caplog.records
        if "cannot create Kubernetes Events" in each.getMessage()
    ]
    assert said == [logging.WARNING]


@pytest.mark.parametrize("hurried", [True, False], ids=["after a signal", "without a signal"])
def test_event_queue_waits_for_unanswered_events_up_to_a_time_limit(
    make, endpoint, caplog, monkeypatch, hurried
):
    """After a stop signal, the time limit is shorter."""
    monkeypatch.setattr(event_queue, "_HURRIED_S", 0.2 if hurried else 1e9)
    monkeypatch.setattr(event_queue, "_DRAIN_S", 1e9 if hurried else 0.2)
    with make(hurried=lambda: hurried) as recorder:
        for reason in "ABC":
            record(recorder, reason)
        assert endpoint.came.acquire(timeout=LONG_S)
    assert endpoint.of("goes") == []
    assert lines(caplog) == [(logging.WARNING, "3 of 3 Kubernetes Events were not created")]
    senders = [each for each in threading.enumerate() if "QueuedRecorder" in each.name]
    assert senders
    assert all(each.daemon for each in senders)
    endpoint.opened.set()
    for each in senders:
        each.join(LONG_S)
    assert endpoint.of("comes") == ["A"], "nothing is sent once it was counted"


def test_stop_signal_shortens_the_wait_for_queued_events(make, endpoint, monkeypatch):
    monkeypatch.setattr(event_queue, "_HURRIED_S", 0.2)
    monkeypatch.setattr(event_queue, "_DRAIN_S", 1e9)
    answers = iter([False, False, False])
    with make(hurried=lambda: next(answers, True)) as recorder:
        record(recorder, "A")
    assert endpoint.of("goes") == []


def test_exception_ends_the_run_without_waiting_for_queued_events(
    make, endpoint, caplog, monkeypatch
):
    monkeypatch.setattr(event_queue, "_DRAIN_S", 1e9)

    def interrupted():
        with make() as recorder:
            record(recorder, "A")
            endpoint.came.acquire(timeout=LONG_S)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert endpoint.of("goes") == []
    assert lines(caplog) == [(logging.WARNING, "1 of 1 Kubernetes Events were not created")]


def test_unexpected_error_in_an_event_sender_thread_is_reported_at_the_end(clock, caplog):
    client = SimpleNamespace(without_retries=lambda: SimpleNamespace(host="here"))
    recorder = ClusterRecorder(client, clock=clock, instance="run-1", revision="commit")

    broken = []
    with QueuedRecorder(recorder, hurried=lambda: False, broken=broken.append) as queue:
        record(queue, "A")
    (error,) = broken
    assert isinstance(error, BackgroundError)
    assert isinstance(error.__cause__, AttributeError)
    assert f"later Events about {PG0} will not be created" in caplog.text
