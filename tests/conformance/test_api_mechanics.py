"""Compares the simulated API server with a real one, in process and over HTTP.

The requests of api_mechanics.yaml are sent in order, once in process and once over HTTP. Each
response is a test. At the start, the namespace is empty and the KubeVirt CR has no spec.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import yaml
from support.apiserver import Answer, encoded, over_http

from reconciler.simulator import simulator
from reconciler.simulator.apiserver import bootstrap
from reconciler.simulator.apiserver.access.authentication import ADMIN, service_account
from reconciler.simulator.apiserver.reading.watch import WatchStream
from reconciler.simulator.apiserver.request.http_messages import Request, parse_query
from reconciler.simulator.clock import SimClock
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds import worlds

EXCHANGES = yaml.load(
    Path(__file__).with_name("api_mechanics.yaml").read_text(encoding="utf-8"),
    Loader=yaml.CSafeLoader,
)["exchanges"]
ROBOT = service_account("mechanics", "default")
MORE_VMS = ("b0", "b1", "b2", "b3", "b4", "b5", "b6")
WORLD = {
    "apiVersion": "simulator/v1alpha1",
    "kind": "World",
    "kubevirt": {"version": "v1.9.0"},
    "rbac": "enforced",
}


class InProcess:
    """Sends requests to the simulated API server in process."""

    def __init__(self, sim):
        self.api = sim.api

    def send(self, method, path, row):
        plain, _, query = path.partition("?")
        answer = self.api.handle(
            Request(
                method=method,
                path=plain,
                query=parse_query(query),
                headers={
                    "content-type": row.get("type", "application/json"),
                    "user-agent": "python-urllib3/2.8",
                },
                body=encoded(row.get("body")),
                user=ROBOT if "as" in row else ADMIN,
            )
        )
        if isinstance(answer, WatchStream):
            text = b"".join(answer.poll()).decode()
            answer.close()
            return Answer(answer.status, answer.headers, text)
        return Answer(answer.status, answer.headers, answer.body.decode())


class OverHttp:
    """Sends requests to the simulated API server over HTTP."""

    def __init__(self, sim, server):
        self.url, self.admin = server.url, server.token
        self.robot = sim.api.tokens.issue(ROBOT, 3600)

    def send(self, method, path, row):
        return over_http(
            self.url,
            method,
            path,
            row.get("body"),
            row.get("type", "application/json"),
            self.robot if "as" in row else self.admin,
            first_line="watch=1" in path,
            user_agent="python-urllib3/2.8",
        )


@cache
def answers(face):
    """Send all requests; return each response and the object's previous resourceVersion."""
    sim = simulator.Simulator(worlds.parse(WORLD), clock=SimClock(scale=None))
    bootstrap.ensure_namespace(sim.store, "mechanics")
    sim.store.create(Key("kubevirts.kubevirt.io", "mechanics", "bare"), {"spec": {}})
    if face == "in process":
        return send_all(InProcess(sim), sim.store)
    with sim.serve() as server:
        return send_all(OverHttp(sim, server), sim.store)


def send_all(face, store):
    received, token = [], ""
    for row in EXCHANGES:
        if "before" in row:
            for name in MORE_VMS:
                store.create(Key("virtualmachines.kubevirt.io", "mechanics", name), {"spec": {}})
        method, _, path = row["request"].partition(" ")
        answer = face.send(method, path.replace("{token}", token), row)
        received.append((answer, revision_before(received, row)))
        if "names" in row:
            token = answer.body["metadata"]["continue"]
    return received


def revision_before(received, row):
    """Return the last known resourceVersion of the object that a request patches."""
    path = row["request"].partition(" ")[2].partition("?")[0]
    name = path.rpartition("/")[2]
    seen = [
        a.body["metadata"]
        for a, _ in received
        if a.status < 300
        and a.text.startswith("{")
        and a.body.get("metadata", {}).get("name") == name
    ]
    return int(seen[-1]["resourceVersion"]) if seen else None


def assert_part(part, whole, at="answer"):
    if isinstance(part, dict):
        assert isinstance(whole, dict), at
        for key, value in part.items():
            assert key in whole, f"{at}.{key} is missing from {json.dumps(whole)}"
            assert_part(value, whole[key], f"{at}.{key}")
    elif isinstance(part, list):
        assert len(part) == len(whole), at
        for index, (want, have) in enumerate(zip(part, whole, strict=True)):
            assert_part(want, have, f"{at}[{index}]")
    else:
        assert whole == part, at


@pytest.mark.parametrize("face", ["in process", "over HTTP"])
@pytest.mark.parametrize("number", range(len(EXCHANGES)), ids=[r["situation"] for r in EXCHANGES])
def test_simulated_api_server_responds_like_the_recorded_real_api_server(face, number):
    row = EXCHANGES[number]
    answer, before = answers(face)[number]
    assert answer.status == row["status"], answer.text
    warnings = [row["warning"]] if "warning" in row else []
    assert warnings in (["not recorded"], answer.header("warning"))
    if "text" in row:
        assert answer.text == row["text"]
        assert answer.header("content-type") == ["text/plain; charset=utf-8"]
        return
    assert answer.header("content-type") == ["application/json"]
    body = answer.body
    assert_part(row.get("answer", {}), body)
    status = body.get("object", body)
    assert status.get("message", "").startswith(row.get("message_starts", ""))
    assert status.get("message", "").endswith(row.get("message_ends", ""))
    if "names" in row:
        assert [item["metadata"]["name"] for item in body["items"]] == row["names"]
    for part in row.get("has_items", ()):
        listed = body.get("resources") or body["groups"]
        assert_part(part, next(item for item in listed if item["name"] == part["name"]))
    if "managers" in row:
        owned = {e["manager"]: e["fieldsV1"] for e in body["metadata"]["managedFields"]}
        assert owned == row["managers"]
    if "revision" in row:
        after = int(body["metadata"]["resourceVersion"])
        assert (after > before) == (row["revision"] == "grows")
