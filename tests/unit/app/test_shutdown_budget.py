"""Tests that the time limits of all parts of the shutdown add up to less than 10 seconds."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from support.mute_api import MuteApi

from reconciler.app.stop import GRACE_S, REQUESTS_S, THREADS_S
from reconciler.cluster.api.client import Client
from reconciler.cluster.informer import informer
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.cluster.write import event_queue

PROMISE_S = 10.0
RENEWAL_S = LeaseTimes().request_s
LEADER_S = 1.0
"""The time in which the leader can still release its Lease if the API server responds."""


class Clock:
    def __init__(self):
        self.elapsed = 0.0

    def now(self):
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self):
        return self.elapsed

    def sleep(self, seconds):
        self.elapsed += seconds


@pytest.mark.parametrize("blocked_s", [0.0, GRACE_S, RENEWAL_S], ids=["idle", "write", "renewal"])
def test_lease_release_without_a_server_response_leaves_time_to_end_the_other_threads(
    blocked_s,
):
    clock = Clock()
    api = MuteApi(clock)
    client = Client(api, clock=clock)
    with ExitStack() as stack:
        for name in ("config", "memory"):
            lease = ClusterLease(client, clock=clock, namespace="ns", name=name, holder="us")
            stack.enter_context(lease)
        api.mute = True
        client.hurry(REQUESTS_S)  # the signal arrives
        clock.elapsed += blocked_s
    events_s = event_queue._HURRIED_S + event_queue._SLICE_S
    assert len(api.waits) == 2
    assert clock.elapsed + events_s + LEADER_S <= THREADS_S


def test_threads_and_the_informer_end_within_10_seconds_after_a_signal():
    assert THREADS_S + informer._JOIN_S <= PROMISE_S - 1.0
