"""Tests the request that starts a watch, the watch events, and how a watch ends."""

from __future__ import annotations

import itertools
import json
import threading

import pytest

from reconciler.cluster.api import client as client_module
from reconciler.cluster.api.watch import SilentError
from reconciler.errors import ClusterError, ExpiredError, ForbiddenError, UnreachableError

VMS = "/apis/kubevirt.io/v1/virtualmachines"


def event(event_type: str, **body: object) -> bytes:
    return json.dumps({"type": event_type, "object": body}).encode() + b"\n"


def test_watch_request_sets_bookmarks_resource_version_and_timeout(server, client, reply):
    server.on(VMS, reply(chunks=[]))
    assert list(client.watch(VMS, "42", 60.0)) == []
    query = server.requests[0].query
    assert query["resourceVersion"] == "42"
    assert query["allowWatchBookmarks"] == "true"
    assert query["timeoutSeconds"] == "60"
    assert len(server.requests) == 1


def test_watch_event_that_spans_several_chunks_is_joined(server, client, reply):
    text = event("ADDED", a=1) + event("BOOKMARK", b=2) + event("DELETED", c="é")
    chunks = [text[i : i + 7] for i in range(0, len(text), 7)]
    server.on(VMS, reply(chunks=chunks))
    found = [(kind, json.loads(body)) for kind, body in client.watch(VMS, "1", 60.0)]
    assert found == [("ADDED", {"a": 1}), ("BOOKMARK", {"b": 2}), ("DELETED", {"c": "é"})]


def test_expired_resource_version_in_the_watch_stream_raises_an_error(server, client, reply):
    gone = event("ERROR", kind="Status", code=410, reason="Expired", message="too old: 1 (5773)")
    server.on(VMS, reply(chunks=[event("ADDED", a=1), gone]))
    watch = iter(client.watch(VMS, "1", 60.0))
    next(watch)
    with pytest.raises(ExpiredError, match=r"too old: 1 \(5773\)"):
        next(watch)


def test_watch_response_with_an_expired_resource_version_raises_an_error(server, client, failure):
    server.on(VMS, failure(410, "too old resource version: 1", "Expired"))
    with pytest.raises(ExpiredError):
        client.watch(VMS, "1", 60.0)


def test_missing_permission_to_watch_raises_an_error(server, client, failure):
    server.on(VMS, failure(403, "cannot watch", "Forbidden"))
    with pytest.raises(ForbiddenError, match="cannot watch"):
        client.watch(VMS, "1", 60.0)


def test_invalid_watch_event_ends_the_watch_with_an_error(server, client, reply):
    server.on(VMS, reply(chunks=[b"<html>\n"]))
    with pytest.raises(UnreachableError, match="the connection was interrupted"):
        list(client.watch(VMS, "1", 60.0))


def test_endless_watch_event_ends_the_watch_with_an_error(server, client, reply):
    sent = itertools.count()
    server.on(VMS, reply(chunks=(b" " * 65_536 for _ in sent)))
    with pytest.raises(ClusterError, match=r"an event in the watch of .* is larger than 8 MiB"):
        list(client.watch(VMS, "1", 60.0))
    assert next(sent) * 65_536 < 32 << 20  # the connection's buffers take some of it


def test_watch_without_data_until_its_timeout_raises_an_error(server, client, reply, monkeypatch):
    released = threading.Event()

    def hang():
        yield event("ADDED", a=1)
        released.wait(5)

    monkeypatch.setattr(client_module, "_SILENCE_S", 0.0)
    server.on(VMS, reply(chunks=hang()))
    watch = iter(client.watch(VMS, "1", 0.1))
    next(watch)
    with pytest.raises(
        SilentError,
        match=r"did not end the watch of virtualmachines at .* after the requested time",
    ):
        next(watch)
    released.set()


def test_closing_a_watch_ends_the_reader_thread(server, client, reply):
    released, begun = threading.Event(), threading.Event()

    def hang():
        yield event("ADDED", a=1)
        released.wait(5)

    server.on(VMS, reply(chunks=hang()))
    watch = client.watch(VMS, "1", 60.0)
    seen = []

    def read():
        for kind, _ in watch:
            seen.append(kind)
            begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(5)
    watch.close()
    thread.join(2)
    assert not thread.is_alive()
    assert seen == ["ADDED"]
    released.set()
    watch.close()
