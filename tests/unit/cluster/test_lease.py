"""The lease: of two runs one holds it, whatever their clocks say, and a dead one loses it."""

from __future__ import annotations

import pytest

from reconciler.cluster.lease import ClusterLease
from reconciler.errors import ForbiddenError, LeaseHeldError

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"


class LeaseApi:
    """One Lease with optimistic concurrency, as an API server keeps it."""

    def __init__(self, harness):
        self.stored = None
        self.version = 0
        self.failing = None
        self._conftest = harness

    def handle(self, request):
        if self.failing:
            return self.failing
        if request.method == "POST":
            return self._create(request.body)
        if not self.stored:
            return self._conftest.status(404, "not found", "NotFound")
        if request.method == "PUT":
            return self._update(request.body)
        return self._conftest.Reply(200, self.stored)

    def _create(self, body):
        if self.stored:
            return self._conftest.status(409, "already exists", "AlreadyExists")
        return self._conftest.Reply(201, self.store(body))

    def _update(self, body):
        if body["metadata"].get("resourceVersion") != self.stored["metadata"]["resourceVersion"]:
            return self._conftest.status(409, "the object has been modified", "Conflict")
        return self._conftest.Reply(200, self.store(body))

    def store(self, body):
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        self.stored = {**body, "metadata": metadata}
        return self.stored

    def spec(self, **changes):
        self.store({**self.stored, "spec": {**self.stored["spec"], **changes}})

    @property
    def holder(self):
        return self.stored["spec"]["holderIdentity"]


@pytest.fixture
def api(server, harness):
    api = LeaseApi(harness)
    server.handlers[LEASES] = api.handle
    return api


@pytest.fixture
def make(client, clock):
    def make(holder="us"):
        return ClusterLease(
            client, clock=clock, namespace="kubevirt", name="reconciler", holder=holder
        )

    return make


def foreign(api, **spec):
    base = {
        "holderIdentity": "them",
        "leaseDurationSeconds": 15,
        "renewTime": "1999-01-01T00:00:00.000000Z",
        "leaseTransitions": 3,
    }
    metadata = {"name": "reconciler", "annotations": {"canary": "done"}}
    api.store({"metadata": metadata, "spec": {**base, **spec}})


def test_a_free_lease_is_made_held_and_given_back(api, make, clock):
    with make() as lease:
        assert api.holder == "us"
        assert api.stored["spec"]["leaseDurationSeconds"] == 15
        assert api.stored["spec"]["acquireTime"] == "2026-11-23T00:00:00.000000Z"
        assert lease.held()
    assert api.holder == ""
    assert clock.elapsed == 0
    assert not lease.held()


def test_a_lease_that_was_given_back_is_taken_at_once(api, make, clock):
    with make():
        pass
    with make("next"):
        assert api.holder == "next"
    assert clock.elapsed == 0


def test_an_earlier_start_of_the_same_run_is_no_obstacle(api, make, clock):
    foreign(api, holderIdentity="us")
    with make() as lease:
        assert lease.held()
    assert clock.elapsed == 0


def test_it_is_renewed_only_when_due(api, make, clock, server):
    with make() as lease:
        sent = len(server.requests)
        clock.elapsed = 4.9
        assert lease.held()
        assert len(server.requests) == sent
        clock.elapsed = 5.1
        assert lease.held()
        assert len(server.requests) == sent + 1
        assert api.stored["spec"]["renewTime"] == "2026-11-23T00:00:05.100000Z"
        assert api.stored["spec"]["acquireTime"] == "2026-11-23T00:00:00.000000Z"


def test_a_living_holder_is_named(api, make, clock):
    foreign(api)
    clock.on_sleep = lambda: api.spec(renewTime=str(clock.elapsed)) if clock.elapsed == 4 else None
    with pytest.raises(LeaseHeldError, match=r"kubevirt/reconciler at .*: them") as caught, make():
        pass
    assert caught.value.holder == "them"
    assert clock.elapsed <= 5
    assert api.holder == "them"


@pytest.mark.parametrize("renew_time", ["1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00Z"])
def test_a_dead_holder_is_replaced_after_its_duration_whatever_its_clock_said(
    api, make, clock, renew_time
):
    foreign(api, renewTime=renew_time, leaseDurationSeconds=20)
    with make():
        assert api.holder == "us"
        assert 20 < clock.elapsed <= 22
        assert api.stored["spec"]["leaseTransitions"] == 4
        assert api.stored["metadata"]["annotations"] == {"canary": "done"}


def test_of_two_that_wait_for_a_dead_one_only_one_gets_it(api, make, clock):
    foreign(api)
    winner = make("winner")

    def race():
        if clock.elapsed == 15:
            api.spec(holderIdentity="winner", renewTime="now")

    clock.on_sleep = race
    with pytest.raises(LeaseHeldError) as caught, make():
        pass
    assert caught.value.holder == "winner"
    assert winner is not None


def test_a_taken_lease_is_lost_for_good(api, make, clock):
    with make() as lease:
        api.spec(holderIdentity="them")
        clock.elapsed = 6
        assert not lease.held()
        api.spec(holderIdentity="us")
        assert not lease.held()
    assert api.holder == "us"


def test_a_deleted_lease_is_lost(api, make, clock):
    with make() as lease:
        api.stored = None
        clock.elapsed = 6
        assert not lease.held()


def test_a_foreign_edit_that_leaves_us_the_holder_is_survived(api, make, clock):
    with make() as lease:
        api.store({**api.stored, "metadata": {**api.stored["metadata"], "labels": {"a": "b"}}})
        clock.elapsed = 6
        assert lease.held()
        assert api.stored["metadata"]["labels"] == {"a": "b"}


def test_a_server_that_does_not_answer_is_borne_for_a_while(api, make, clock, failure):
    with make() as lease:
        api.failing = failure(503, "not ready")
        clock.elapsed = 6
        assert lease.held()
        clock.elapsed = 11.9
        assert lease.held()
        clock.elapsed = 12.1
        assert not lease.held()
        api.failing = None
        assert lease.held()


def test_a_lease_that_another_took_while_the_server_was_away_is_lost(api, make, clock, failure):
    with make() as lease:
        api.failing = failure(503, "not ready")
        clock.elapsed = 20
        assert not lease.held()
        api.failing = None
        api.spec(holderIdentity="them")
        assert not lease.held()
    assert api.holder == "them"


def test_giving_back_may_fail(api, make, failure, caplog):
    with make():
        api.failing = failure(503, "not ready")
    assert "is not given back" in caplog.text


def test_a_lease_that_may_not_be_read_is_an_error(api, make, failure):
    api.failing = failure(403, "cannot get leases", "Forbidden")
    with pytest.raises(ForbiddenError, match="cannot get leases"), make():
        pass
