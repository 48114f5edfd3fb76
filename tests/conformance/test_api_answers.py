"""Compares the simulated API server's responses with recorded responses of a real server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from reconciler.simulator import simulator
from reconciler.simulator.apiserver.request.http_messages import parse_query
from reconciler.simulator.clock import SimClock
from reconciler.simulator.worlds import worlds

EXCHANGES = yaml.load(
    Path(__file__).with_name("api_answers.yaml").read_text(encoding="utf-8"),
    Loader=yaml.CSafeLoader,
)["exchanges"]
WORLD = {
    "apiVersion": "simulator/v1alpha1",
    "kind": "World",
    "kubevirt": {"version": "v1.9.0"},
    "vms": [{"name": "vm-cirros"}, {"name": "another"}],
}
GENERATED = re.compile(r'"(vm-cirros\.)[a-z0-9]{5}"')


def send(row):
    """Send a request to a new simulated cluster; return the response and its decoded body."""
    sim = simulator.Simulator(worlds.parse(WORLD), clock=SimClock(scale=None))
    sim.engine.run_until(1.0)
    method, _, path = row["request"].partition(" ")
    body = row.get("text", "") if "body" not in row else json.dumps(row["body"])
    headers = {"Content-Type": row["type"]} if "type" in row else {}
    plain, _, query = path.partition("?")
    response = sim.request(
        method, plain, query=parse_query(query), headers=headers, body=body.encode()
    )
    return response, json.loads(response.body)


@pytest.mark.parametrize("row", [pytest.param(each, id=each["situation"]) for each in EXCHANGES])
def test_simulated_api_server_sends_the_recorded_responses_of_a_real_api_server(row):
    response, body = send(row)
    assert response.status == row["status"], body
    if "message" in row:
        message = GENERATED.sub(r'"\1GENERATED"', body["message"])
        assert (message, body.get("reason")) == (row["message"], row.get("reason"))
        assert "reason" in row or "details" not in body
    if "details" in row:
        assert body["details"] == row["details"]
    if "stored" in row:
        guest = row["stored"]["spec"]["template"]["spec"]["domain"]["memory"]["guest"]
        assert body["spec"]["template"]["spec"]["domain"]["memory"]["guest"] == guest
    warnings = [value for name, value in response.headers if name.lower() == "warning"]
    assert warnings == ([row["warning"]] if "warning" in row else [])
