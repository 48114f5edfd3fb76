"""Tests the number of parallel write requests, their order, and the order of their responses."""

from __future__ import annotations

import threading
from http import HTTPStatus
from types import SimpleNamespace

import pytest

from reconciler.cluster.api import threads
from reconciler.cluster.api.api_errors import Answer
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import BackgroundError, UnavailableError, UnreachableError
from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Action, Effect, Reason, Verb
from reconciler.model.references import vm_ref


def action(name: str) -> Action:
    return Action(
        ref=vm_ref("default", name),
        uid="uid",
        wave=WaveName.RESTART,
        effect=Effect.RESTART,
        reason=Reason.RESTART_PENDING,
        verb=Verb.RESTART,
        digest="sha256:1",
    )


class Server:
    """A client that responds on demand and counts the requests in progress."""

    host = "here"

    def __init__(self, together: int) -> None:
        self.most = self.now = 0
        self.threads: set[int] = set()
        self._lock = threading.Lock()
        self._gate = threading.Barrier(together, timeout=20)
        self.answers: dict[str, HTTPStatus | Exception] = {}

    def restart(self, path, *, timeout_s):
        assert timeout_s == 7.0
        with self._lock:
            self.threads.add(threading.get_ident())
            self.now += 1
            self.most = max(self.most, self.now)
        self._gate.wait()
        with self._lock:
            self.now -= 1
        found = self.answers.get(path.split("/")[-2], HTTPStatus.ACCEPTED)
        if isinstance(found, Exception):
            raise found
        return Answer(method="PUT", path=path, status=int(found), body=b"")


def send(server: Server, names: list[str], parallel: int) -> dict[str, object]:
    writer = ClusterWriter(server, parallel=parallel)
    answers = writer.write_each((action(name) for name in names), timeout_s=lambda: 7.0)
    return {each.ref.name: answer for each, answer in answers}


@pytest.mark.parametrize("parallel", [1, 2, 4])
def test_parallel_writer_limits_the_number_of_simultaneous_writes(parallel):
    server = Server(parallel)
    answers = send(server, [f"vm-{n}" for n in range(parallel * 3)], parallel)
    assert server.most == parallel
    assert len(answers) == parallel * 3
    assert len(server.threads) == parallel, "each takes the next one"


def test_write_error_for_one_vm_does_not_stop_writes_to_other_vms():
    server = Server(2)
    server.answers = {
        "b": UnreachableError("the connection was interrupted"),
        "c": HTTPStatus(503),
    }
    answers = send(server, ["a", "b", "c", "d"], 2)
    assert isinstance(answers["b"], UnreachableError)
    assert isinstance(answers["c"], UnavailableError)
    assert [answers["a"].refusal, answers["d"].refusal] == [None, None]


@pytest.mark.parametrize("parallel", [1, 3])
def test_parallel_writer_takes_the_next_change_only_when_a_thread_can_send_it(parallel):
    """The caller can stop at any time, because every change that was taken is sent."""
    server, made = Server(1), []

    def turns():
        for n in range(100):
            made.append(n)
            yield action(f"vm-{n}")

    answers = ClusterWriter(server, parallel=parallel).write_each(turns(), timeout_s=lambda: 7.0)
    next(answers)
    assert len(made) <= parallel
    answers.close()


def test_parallel_writer_calls_its_callback_while_the_server_does_not_respond(monkeypatch):
    monkeypatch.setattr(threads, "_SLICE_S", 0.01)
    worked = threading.Event()

    class Silent(Server):
        def restart(self, path, *, timeout_s):
            assert worked.wait(20)
            return super().restart(path, timeout_s=timeout_s)

    writer = ClusterWriter(Silent(2), parallel=2, meanwhile=worked.set)
    answers = writer.write_each((action("a"), action("b")), timeout_s=lambda: 7.0)
    assert {each.ref.name for each, _ in answers} == {"a", "b"}


def test_writer_threads_end_after_the_last_response():
    before = set(threading.enumerate())
    send(Server(3), [f"vm-{n}" for n in range(3)], 3)
    for each in set(threading.enumerate()) - before:
        each.join(20)
        assert not each.is_alive()


def test_unexpected_error_in_a_writer_thread_is_raised_in_the_calling_thread():
    writer = ClusterWriter(SimpleNamespace(host="here"), parallel=2)
    with pytest.raises(BackgroundError) as caught:
        list(writer.write_each([action("a")], timeout_s=lambda: 7.0))
    assert isinstance(caught.value.__cause__, AttributeError)
