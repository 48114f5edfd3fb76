"""Tests that a failed Event is only logged, and that missing permissions are reported first."""

from __future__ import annotations

import logging
import re

import pytest
from support.fake_ports import DirectRecorder

from reconciler.cluster.api.transport import Transport
from reconciler.cluster.write import access_review, events
from reconciler.errors import ClusterError, ForbiddenError
from reconciler.model.references import vm_ref

EVENTS = "/apis/events.k8s.io/v1/namespaces/db/events"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
PG0 = vm_ref("db", "pg-0")


@pytest.fixture
def recorder(client, clock):
    return DirectRecorder(client, clock=clock, instance="run-1", revision="test-commit")


def test_event_about_a_vm_has_the_vm_as_regarding_object(server, recorder, reply):
    server.on(EVENTS, reply(201, {}))
    recorder.record(PG0, "u-1", reason="MemoryPatched", message="guest 1Gi -> 2Gi")
    (request,) = server.requests
    event = request.body
    assert event["metadata"] == {
        "name": "pg-0.18ea8382f8940000",
        "namespace": "db",
        "annotations": {"memory.reconciler.dev/revision": "test-commit"},
    }
    assert event["eventTime"] == "2026-11-23T00:00:00.000000Z"
    assert event["reportingController"] == "reconciler"
    assert event["reportingInstance"] == "run-1"
    assert (event["reason"], event["type"]) == ("MemoryPatched", "Normal")
    assert event["regarding"] == {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "namespace": "db",
        "name": "pg-0",
        "uid": "u-1",
    }
    assert event["note"] == "guest 1Gi -> 2Gi"


def test_warning_event_has_type_warning_and_a_truncated_note(server, recorder, reply):
    server.on(EVENTS, reply(201, {}))
    recorder.record(PG0, "u-1", reason="Failed", message="x" * 2000, warning=True)
    event = server.requests[0].body
    assert len(event["note"].encode()) == 1024
    assert event["note"].endswith("x…")
    assert event["type"] == "Warning"


LIMITS = {"note": 1024, "reportingInstance": 128, "reason": 128}
"""The size limits of Event fields in bytes.

Source: kube-apiserver v1.36 pkg/apis/core/validation/events.go.
"""


@pytest.mark.parametrize("text", ["x" * 2000, "ä" * 2000, "→" * 2000, "x→" * 1000])
def test_strings_in_an_event_are_truncated_to_the_byte_limits_of_the_api_server(
    server, client, clock, reply, text
):
    server.on(EVENTS, reply(201, {}))
    recorder = DirectRecorder(client, clock=clock, instance=text, revision="test-commit")
    recorder.record(PG0, "u-1", reason=text, message=text)
    sizes = {field: len(server.requests[0].body[field].encode()) for field in LIMITS}
    assert all(limit - 3 < sizes[field] <= limit for field, limit in LIMITS.items()), sizes


SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
"""The pattern of a valid Kubernetes object name.

Source: k8s.io/apimachinery v0.36 pkg/util/validation/validation.go.
"""


@pytest.mark.parametrize(
    "name", ["a", "pg-0", "db.example.com", "a" * 253, "a" * 235 + "-.-b" * 4]
)
def test_event_name_is_a_valid_subdomain_with_the_object_name_as_prefix(name):
    found = events.event_name(name, 1_795_392_000_000_000_000)
    assert re.fullmatch(SUBDOMAIN, found)
    assert len(found) <= 253
    assert name.startswith(found.rpartition(".")[0])
    assert int(found.rpartition(".")[2], 16) == 1_795_392_000_000_000_000


def test_events_with_the_same_time_have_different_names(server, recorder, reply):
    server.on(EVENTS, reply(201, {}))
    for reason in "ABC":
        recorder.record(PG0, "u-1", reason=reason, message="m")
    names = [each.body["metadata"]["name"] for each in server.requests]
    assert len(set(names)) == 3
    assert names == sorted(names)


def test_repeated_event_failure_is_logged_once_as_a_warning(
    server, recorder, clock, failure, caplog
):
    caplog.set_level(logging.DEBUG, "reconciler")
    server.on(EVENTS, failure(403, "cannot create events", "Forbidden"))
    recorder.record(PG0, "u", reason="A", message="m")
    clock.elapsed += 60
    recorder.record(PG0, "u", reason="B", message="m")
    levels = [
        each.levelno
        for each in caplog.records
        if "cannot create Kubernetes Events" in each.message
    ]
    assert levels == [logging.WARNING, logging.DEBUG]


def test_event_recorder_stops_sending_events_to_an_overloaded_server(
    server, recorder, clock, reply
):
    server.on(EVENTS, reply(429, "", (("Retry-After", "40"),)), reply(201, {}))
    recorder.record(PG0, "u", reason="A", message="m")
    assert (clock.elapsed, len(server.requests)) == (0.0, 1)
    for passed_s in (1.0, 58.0):
        clock.elapsed += passed_s
        recorder.record(PG0, "u", reason="B", message="left out")
    assert len(server.requests) == 1
    clock.elapsed += 1.0
    recorder.record(PG0, "u", reason="C", message="m")
    assert [each.body["reason"] for each in server.requests] == ["A", "C"]


def test_event_request_times_out_after_two_seconds(server, recorder, reply, monkeypatch):
    server.on(EVENTS, reply(201, {}))
    seen = []
    sent = Transport.exchange

    def watched(self, request, timeout_s):
        seen.append(timeout_s)
        return sent(self, request, timeout_s)

    monkeypatch.setattr(Transport, "exchange", watched)
    recorder.record(PG0, "u", reason="A", message="m")
    assert seen == [2.0]


def allow(server, reply, *denied):
    def answer(request):
        asked = request.body["spec"]["resourceAttributes"]
        allowed = (asked["verb"], asked["resource"]) not in denied
        return reply(201, {"status": {"allowed": allowed}})

    server.handlers[REVIEWS] = answer


def test_access_review_request_contains_the_requested_permission(server, client, reply):
    allow(server, reply)
    right = access_review.Right(verb="patch", group="kubevirt.io", resource="virtualmachines")
    assert access_review.may(client, right)
    assert server.requests[0].body["spec"]["resourceAttributes"] == {
        "verb": "patch",
        "group": "kubevirt.io",
        "resource": "virtualmachines",
    }


BOTH = access_review.apply_rights("kubevirt", config_lease="config", memory_lease="memory")


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", "{}", '{"status":{"allowed":"yes"}}', '{"kind":"Status"}']
)
def test_unreadable_access_review_raises_an_error(server, client, reply, body):
    server.on(REVIEWS, reply(201, body))
    with pytest.raises(ClusterError, match=r"an access review .* cannot be read"):
        access_review.may(client, access_review.PLAN_RIGHTS[0])


def test_access_check_passes_with_all_required_permissions(server, client, reply):
    allow(server, reply)
    access_review.require(client, BOTH)
    assert len(server.requests) == 11


def test_access_check_error_lists_every_missing_permission(server, client, reply):
    allow(server, reply, ("patch", "virtualmachines"), ("update", "leases"))
    with pytest.raises(ForbiddenError) as caught:
        access_review.require(
            client,
            access_review.apply_rights("kubevirt", config_lease="config", memory_lease="memory"),
        )
    text = str(caught.value)
    assert "lack 3 required permissions" in text
    assert "patch virtualmachines.kubevirt.io" in text
    assert "update leases.coordination.k8s.io config in kubevirt" in text
    assert "update leases.coordination.k8s.io memory in kubevirt" in text
    assert caught.value.hint


LEASE = "leases.coordination.k8s.io"
NEEDED_FOR = [
    (
        {"config_lease": "config"},
        {
            "patch kubevirts.kubevirt.io in kubevirt",
            f"create {LEASE} in kubevirt",
            f"get {LEASE} config in kubevirt",
            f"update {LEASE} config in kubevirt",
        },
    ),
    (
        {"memory_lease": "memory"},
        {
            "patch virtualmachines.kubevirt.io",
            f"create {LEASE} in kubevirt",
            f"get {LEASE} memory in kubevirt",
            f"update {LEASE} memory in kubevirt",
        },
    ),
]


@pytest.mark.parametrize(("leases", "needed"), NEEDED_FOR, ids=["config", "memory"])
def test_access_check_requires_only_the_permissions_for_the_leases_in_use(leases, needed):
    reads = set(access_review.PLAN_RIGHTS)
    asked = access_review.apply_rights("kubevirt", **leases)
    assert {str(each) for each in set(asked) - reads} == needed


@pytest.mark.parametrize(
    ("consent", "needed"),
    [
        ({"create": True}, {"create virtualmachines.kubevirt.io"}),
        (
            {"restart": True},
            {
                "get virtualmachines.kubevirt.io",
                "update virtualmachines/restart.subresources.kubevirt.io",
            },
        ),
    ],
    ids=["create", "restart"],
)
def test_creation_or_restart_of_vms_requires_the_corresponding_permission(consent, needed):
    without = access_review.apply_rights("kubevirt", memory_lease="memory")
    asked = access_review.apply_rights("kubevirt", memory_lease="memory", **consent)
    assert {str(each) for each in set(asked) - set(without)} == needed


def test_permission_for_a_subresource_is_printed_with_a_slash():
    right = access_review.Right(verb="update", group="g", resource="vms", subresource="restart")
    assert str(right) == "update vms/restart.g"
