"""Tests how a lease is lost if the API server accepts requests but never responds."""

from __future__ import annotations

import pytest
from support.mute_api import MuteApi

from reconciler.cluster.api.client import Client
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.lease.lease_times import LeaseTimes


@pytest.fixture
def api(clock):
    return MuteApi(clock)


@pytest.fixture
def make(api, clock):
    def make(**times):
        return ClusterLease(
            Client(api, clock=clock),
            clock=clock,
            namespace="kubevirt",
            name="reconciler",
            holder="us",
            times=LeaseTimes(**times),
        )

    return make


@pytest.mark.parametrize("begins_s", [0.0, 9.9, 10.0, 14.0, 19.0, 24.0, 24.9])
def test_unrenewed_lease_counts_as_lost_before_another_run_can_acquire_the_lease(
    api, make, clock, begins_s
):
    with make() as lease:
        clock.elapsed = begins_s
        api.mute = True
        while True:
            valid_s = lease.valid_s()
            held = lease.held()
            assert not held or clock.elapsed < 25.0
            if not held:
                break
            assert 0.0 < lease.valid_s() <= valid_s
            clock.elapsed += 1.0
        assert lease.valid_s() == 0.0
        assert not lease.held()


@pytest.mark.parametrize("begins_s", [10.0, 16.0, 20.0, 23.5])
def test_lease_renewal_times_out_before_the_lease_expires(api, make, clock, begins_s):
    with make() as lease:
        clock.elapsed = begins_s
        api.mute = True
        valid_s = lease.valid_s()
        lease.held()
        (wait_s,) = api.waits
        assert wait_s <= valid_s


def test_lease_annotation_request_has_the_same_timeout_as_a_renewal(api, make, clock):
    with make() as lease:
        api.mute = True
        clock.elapsed = 20.0
        assert not lease.annotate({"memory.reconciler.dev/rollout": "1"})
        assert api.waits == [pytest.approx(2.5)]
        assert not lease.annotate({"memory.reconciler.dev/rollout": "2"})
        assert len(api.waits) == 1


@pytest.mark.parametrize(("times", "most_s"), [({}, 2.0), ({"release_s": 1.0}, 1.0)])
def test_lease_release_ends_within_its_time_limit(api, make, clock, caplog, times, most_s):
    with make(**times):
        api.mute = True
        began = clock.elapsed
    assert clock.elapsed - began <= most_s
    assert "cannot release the lease" in caplog.text
