"""Tests how object names, generated names and Events of both API groups are validated."""

import pytest
from support.apiserver import VMS, vm

EVENTS = "/apis/events.k8s.io/v1/namespaces/db/events"


def event_about(name):
    return {
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "reconciler.example",
        "reportingInstance": "r-1",
        "action": "Reconcile",
        "reason": "MemoryPatched",
        "type": "Normal",
        "regarding": {"kind": "VirtualMachine", "namespace": "db", "name": name},
    }


def test_object_names_that_the_simulated_api_server_generates_are_unique(server):
    names = set()
    for _ in range(3):
        anonymous = {**vm(), "metadata": {"generateName": "pg-"}}
        names.add(server.send("POST", VMS, anonymous).body["metadata"]["name"])
    assert len(names) == 3
    assert all(name.startswith("pg-") and len(name) == 8 for name in names)


SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"


@pytest.mark.parametrize(
    ("prefix", "problem"),
    [
        ("pg-0-", ""),
        ("pg.0--", ""),
        ("pg-0.", f'metadata.generateName: Invalid value: "pg-0.": {SUBDOMAIN}'),
        ("Pg-", f'metadata.generateName: Invalid value: "Pg-": {SUBDOMAIN}'),
        ("a" * 254, "must be no more than 253 bytes"),
    ],
    ids=["dash", "two dashes", "dot", "upper case", "too long"],
)
@pytest.mark.parametrize("plural", ["events", "virtualmachines"])
def test_generate_name_must_be_a_prefix_of_a_valid_name(server, plural, prefix, problem):
    bodies = {"events": event_about("pg-0"), "virtualmachines": vm()}
    collections = {"events": EVENTS, "virtualmachines": VMS}
    body = {**bodies[plural], "metadata": {"generateName": prefix}}
    answer = server.send("POST", collections[plural], body)
    assert answer.status == (422 if problem else 201)
    if problem:
        assert problem in answer.body["message"]
        assert answer.body["details"]["causes"][0]["field"] == "metadata.generateName"


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"name": "pg-0.18a5f2c7d3e4b1a0"}, 201),
        ({"name": "pg-0."}, 422),
        ({"name": "pg_0.18a5f2c7d3e4b1a0"}, 422),
        ({}, 422),
    ],
    ids=["as client-go names it", "dot at the end", "underscore", "none"],
)
def test_event_name_must_be_a_subdomain(server, metadata, status):
    answer = server.send("POST", EVENTS, {**event_about("pg-0"), "metadata": metadata})
    assert answer.status == status
    if not metadata:
        problem = "metadata.name: Required value: name or generateName is required"
        assert answer.body["message"] == f'Event "" is invalid: {problem}'


def test_kubernetes_event_is_served_in_two_api_groups(server):
    new = {
        "metadata": {"name": "e"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "reconciler.example",
        "reportingInstance": "r-1",
        "action": "Reconcile",
        "reason": "MemoryPatched",
        "type": "Normal",
        "note": "1Gi to 2Gi",
        "regarding": {"kind": "VirtualMachine", "namespace": "db", "name": "pg"},
    }
    path = "/apis/events.k8s.io/v1/namespaces/db/events"
    assert server.send("POST", path, new).status == 201
    core = server.send("GET", "/api/v1/namespaces/db/events/e").body
    assert (core["apiVersion"], core["message"]) == ("v1", "1Gi to 2Gi")
    assert core["involvedObject"]["name"] == "pg"
    back = server.send("GET", f"{path}/e").body
    assert {k: back[k] for k in new if k != "metadata"} == {
        k: v for k, v in new.items() if k != "metadata"
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"action": ""}, "action: Required value"),
        ({"reportingInstance": "x" * 129}, "reportingInstance: Invalid value"),
        ({"note": "x" * 1025}, 'message: Invalid value: "": can have at most 1024 characters'),
        ({"note": "…" * 342}, "message: Invalid value"),
        ({"action": "ä" * 65}, "action: Invalid value"),
        ({"type": "Odd"}, 'type: Invalid value: "Odd"'),
        ({"regarding": {}}, "involvedObject.namespace: Invalid value"),
    ],
)
def test_incomplete_event_is_rejected(server, change, problem):
    event = {**event_about("pg-0"), "metadata": {"name": "e"}, **change}
    refused = server.send("POST", EVENTS, event)
    assert refused.status == 422
    assert problem in refused.body["message"]
