"""Tests the minimum response times of the simulated API server, with a stepped clock."""

from __future__ import annotations

import json

import pytest

from reconciler.simulator.apiserver.response_times import IMMEDIATE, ResponseTimes
from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

VMS = "/apis/kubevirt.io/v1/virtualmachines"
ONE = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm-0"


def simulator(pace: ResponseTimes = IMMEDIATE) -> Simulator:
    vms = [{"name": f"vm-{n}"} for n in range(5)]
    document = {"apiVersion": "simulator/v1alpha1", "kind": "World", "vms": vms}
    return Simulator(worlds.parse(document), clock=SimClock(scale=None), response_times=pace)


def patch(sim: Simulator):
    body = json.dumps({"metadata": {"labels": {"a": "b"}}}).encode()
    headers = {"content-type": "application/merge-patch+json"}
    return sim.request("PATCH", ONE, headers=headers, body=body)


@pytest.mark.parametrize(("limit", "seconds"), [("5", 0.5), ("2", 0.2), ("0", 0.5)])
def test_response_time_of_a_list_grows_with_its_objects(limit, seconds):
    sim = simulator(ResponseTimes(listed_per_s=10.0))
    assert sim.request("GET", VMS, query={"limit": limit}).delay_s == pytest.approx(seconds)


@pytest.mark.parametrize("form", ["Table", "PartialObjectMetadataList"])
def test_response_time_of_a_list_does_not_depend_on_its_format(form):
    sim = simulator(ResponseTimes(listed_per_s=10.0))
    accept = {"accept": f"application/json;as={form};g=meta.k8s.io;v=v1"}
    assert sim.request("GET", VMS, headers=accept).delay_s == pytest.approx(0.5)


def test_simulated_response_time_applies_to_writes_but_not_to_get_requests():
    sim = simulator(ResponseTimes(listed_per_s=10.0, write_s=0.05))
    answer = patch(sim)
    assert (answer.status, answer.delay_s) == (200, 0.05)
    assert sim.request("GET", ONE).delay_s == 0.0


def test_simulated_api_server_responds_immediately_by_default():
    sim = simulator()
    assert sim.request("GET", VMS).delay_s == 0.0
    assert patch(sim).delay_s == 0.0
