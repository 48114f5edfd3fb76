"""Tests that only one of two runs holds a lease, even if their clocks differ."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from support.fake_ports import DirectRecorder

from reconciler.cluster.api import resource_paths
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.write.event_queue import QueuedRecorder
from reconciler.errors import ForbiddenError, LeaseHeldError
from reconciler.model.references import vm_ref

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"


ROLLOUT = "memory.reconciler.dev/rollout"


class LeaseApi:
    """A Lease with optimistic concurrency control, as in an API server."""

    def __init__(self, harness):
        self.stored = None
        self.version = 0
        self.failing = None
        self.deaf = False
        """Whether the fake API server carries out writes but sends no response."""
        self._conftest = harness

    def handle(self, request):
        if self.failing:
            return self.failing
        if request.method == "POST":
            return self._create(request.body)
        if not self.stored:
            return self._conftest.status(404, "not found", "NotFound")
        if request.method == "PUT":
            answer = self._update(request.body)
            return self._conftest.Reply(cut=True) if self.deaf else answer
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
    def make(holder="us", **options):
        return ClusterLease(
            client,
            clock=clock,
            namespace="kubevirt",
            name="reconciler",
            holder=holder,
            **options,
        )

    return make


def foreign(api, **spec):
    base = {
        "holderIdentity": "them",
        "leaseDurationSeconds": 15,
        "renewTime": "1999-01-01T00:00:00.000000Z",
        "leaseTransitions": 3,
    }
    metadata = {"name": "reconciler", "annotations": {"other/tool": "mine", ROLLOUT: "half"}}
    api.store({"kind": "Lease", "metadata": metadata, "spec": {**base, **spec}})


def test_missing_lease_is_created_at_the_start_of_a_run_and_released_at_the_end(api, make, clock):
    with make() as lease:
        assert api.holder == "us"
        assert api.stored["spec"]["leaseDurationSeconds"] == 30
        assert api.stored["spec"]["acquireTime"] == "2026-11-23T00:00:00.000000Z"
        assert lease.held()
    assert api.holder == ""
    assert clock.elapsed == 0
    assert not lease.held()


def test_lease_is_acquired_after_the_server_has_responded_with_429(
    api, make, clock, failure, server
):
    busy = [failure(429, "too many requests")] * 2
    server.handlers[LEASES] = lambda request: busy.pop() if busy else api.handle(request)
    with make() as lease:
        assert lease.held()
        assert clock.elapsed > 0
    assert busy == []


def test_released_lease_is_acquired_without_waiting(api, make, clock):
    with make():
        pass
    with make("next"):
        assert api.holder == "next"
    assert clock.elapsed == 0


def test_lease_that_already_names_this_process_as_holder_is_acquired_without_waiting(
    api, make, clock
):
    foreign(api, holderIdentity="us")
    with make() as lease:
        assert lease.held()
    assert clock.elapsed == 0


def test_lease_is_renewed_every_ten_seconds(api, make, clock, server):
    with make() as lease:
        sent = len(server.requests)
        clock.elapsed = 9.9
        assert lease.held()
        assert len(server.requests) == sent
        clock.elapsed = 10.1
        assert lease.held()
        assert len(server.requests) == sent + 1
        assert api.stored["spec"]["renewTime"] == "2026-11-23T00:00:10.100000Z"
        assert api.stored["spec"]["acquireTime"] == "2026-11-23T00:00:00.000000Z"


def test_error_about_a_held_lease_contains_the_holder(api, make, clock):
    foreign(api)
    clock.on_sleep = lambda: api.spec(renewTime=str(clock.elapsed)) if clock.elapsed == 4 else None
    with pytest.raises(LeaseHeldError, match=r"kubevirt/reconciler at .*: them") as caught, make():
        pass
    assert caught.value.holder == "them"
    assert clock.elapsed <= 5
    assert api.holder == "them"


@pytest.mark.parametrize("renew_time", ["1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00Z"])
def test_lease_of_a_dead_holder_expires_regardless_of_the_holders_clock(
    api, make, clock, renew_time
):
    foreign(api, renewTime=renew_time, leaseDurationSeconds=20)
    with make():
        assert api.holder == "us"
        assert 20 < clock.elapsed <= 22
        assert api.stored["spec"]["leaseTransitions"] == 4
        assert api.stored["metadata"]["annotations"] == {"other/tool": "mine", ROLLOUT: "half"}


def test_excessive_lease_duration_of_another_holder_is_limited(api, make, clock):
    foreign(api, leaseDurationSeconds=86_400)
    with make():
        assert api.holder == "us"
        assert 120 < clock.elapsed <= 122


@pytest.mark.parametrize("wait_s", [0.0, 0.4, 7.0, 14.5])
def test_wait_for_a_lease_with_a_silent_holder_ends_at_the_deadline(api, make, clock, wait_s):
    foreign(api)
    with pytest.raises(LeaseHeldError, match="is held by them, and the deadline") as caught:
        make(wait_s=wait_s).__enter__()
    assert caught.value.holder == "them"
    assert clock.elapsed == pytest.approx(wait_s)
    assert api.holder == "them"


def test_wait_for_a_lease_is_measured_in_real_time_even_with_an_accelerated_clock(
    api, make, clock
):
    foreign(api)
    with pytest.raises(LeaseHeldError):
        make(wait_s=2.0, scale=10.0).__enter__()
    assert clock.elapsed == pytest.approx(20.0)


def test_free_lease_is_acquired_even_with_a_wait_time_of_zero(api, make):
    with make(wait_s=0.0):
        assert api.holder == "us"


def test_lease_is_left_to_expire_if_a_write_got_no_response(api, make, clock, server):
    with make() as lease:
        lease.abandon()
        clock.elapsed = 10
        assert lease.held()
        assert server.requests[-1].method == "PUT"
        sent = len(server.requests)
    assert len(server.requests) == sent
    assert (api.holder, lease.held()) == ("us", False)
    with make("next"):
        assert api.holder == "next"
        assert clock.elapsed > 10 + 30


def test_lease_of_a_dead_holder_is_acquired_by_only_one_of_two_runs(api, make, clock):
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


def test_lease_that_another_run_acquired_counts_as_lost_until_this_run_ends(api, make, clock):
    with make() as lease:
        api.spec(holderIdentity="them")
        clock.elapsed = 11
        assert not lease.held()
        assert lease.valid_s() == 0
        api.spec(holderIdentity="us")
        assert not lease.held()
    assert api.holder == "us"


def test_deleted_lease_counts_as_lost(api, make, clock):
    with make() as lease:
        api.stored = None
        clock.elapsed = 11
        assert not lease.held()


def test_lease_stays_held_after_an_edit_that_does_not_change_the_holder(api, make, clock):
    with make() as lease:
        api.store({**api.stored, "metadata": {**api.stored["metadata"], "labels": {"a": "b"}}})
        clock.elapsed = 11
        assert lease.held()
        assert api.stored["metadata"]["labels"] == {"a": "b"}


def test_lease_counts_as_held_until_renewals_have_failed_for_25_seconds(api, make, clock, failure):
    with make() as lease:
        api.failing = failure(503, "not ready")
        clock.elapsed = 11
        assert lease.held()
        clock.elapsed = 24.9
        assert lease.held()
        clock.elapsed = 25.1
        assert not lease.held()
        api.failing = None
        clock.elapsed = 27
        assert lease.held(), "no other run took it, as the renewal proves"


def test_lease_acquired_by_another_run_during_an_outage_is_lost(api, make, clock, failure):
    with make() as lease:
        api.failing = failure(503, "not ready")
        clock.elapsed = 26
        assert not lease.held()
        api.failing = None
        api.spec(holderIdentity="them")
        clock.elapsed = 30
        assert not lease.held()
    assert api.holder == "them"


def test_failed_lease_release_is_logged(api, make, failure, caplog):
    with make():
        api.failing = failure(503, "not ready")
    assert "cannot release the lease" in caplog.text


def test_missing_permission_for_the_lease_raises_an_error(api, make, failure):
    api.failing = failure(403, "cannot get leases", "Forbidden")
    with pytest.raises(ForbiddenError, match="cannot get leases"), make():
        pass


def test_remaining_validity_of_a_lease_decreases_until_the_next_renewal(api, make, clock):
    with make() as lease:
        assert lease.valid_s() == 25
        clock.elapsed = 9.5
        assert lease.held()
        assert lease.valid_s() == 15.5
        clock.elapsed = 10
        assert lease.held()
        assert lease.valid_s() == 25
        clock.elapsed = 100
        assert lease.valid_s() == 0
    assert lease.valid_s() == 0


def test_remaining_validity_of_a_held_lease_is_always_at_least_fifteen_seconds(api, make, clock):
    with make() as lease:
        for elapsed in range(0, 300, 3):
            clock.elapsed = float(elapsed)
            assert lease.held()
            assert lease.valid_s() >= 15


@pytest.mark.parametrize("hours", [-5, 5], ids=["clock behind", "clock ahead"])
def test_lease_of_a_live_holder_with_a_wrong_clock_is_not_acquired(api, make, clock, hours):
    foreign(api, renewTime=at(clock, hours))

    def renew():
        if clock.elapsed % 10 == 0:
            api.spec(renewTime=at(clock, hours))

    clock.on_sleep = renew
    with pytest.raises(LeaseHeldError, match="them"), make():
        pass
    assert api.holder == "them"


def at(clock, hours):
    return (clock.now() + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_paused_process_renews_its_lease_if_no_other_run_acquired_the_lease(api, make, clock):
    with make() as lease:
        clock.elapsed = 60
        assert lease.valid_s() == 0
        assert lease.held()
        assert lease.valid_s() == 25
    assert api.holder == ""


@pytest.mark.parametrize(
    "holder", ["them", ""], ids=["held by the other run", "released by the other run"]
)
def test_paused_process_loses_a_lease_that_another_run_acquired(api, make, clock, holder):
    with make() as lease:
        api.spec(holderIdentity=holder)
        clock.elapsed = 60
        assert not lease.held()
        assert not lease.held()
    assert api.holder == holder


def test_process_paused_during_a_renewal_loses_the_lease_if_another_run_acquired_it(
    api, make, clock, server
):
    with make() as lease:
        answer = server.handlers[LEASES]

        def slow(request):
            server.handlers[LEASES] = answer
            replied = answer(request)
            api.spec(holderIdentity="them")
            clock.elapsed += 60
            return replied

        server.handlers[LEASES] = slow
        clock.elapsed = 10
        assert not lease.held()


def test_lease_stays_held_if_a_renewal_request_gets_no_response(api, make, clock):
    with make() as lease:
        api.deaf = True
        clock.elapsed = 10
        assert lease.held()
        assert lease.valid_s() == 15
        api.deaf = False
        clock.elapsed = 13
        assert lease.held()
        assert lease.valid_s() == 25


def test_failed_lease_renewal_is_retried_after_a_pause(api, make, clock, failure, server):
    with make() as lease:
        api.failing = failure(503, "not ready")
        clock.elapsed = 10
        sent = len(server.requests)
        assert [lease.held() for _ in range(5)] == [True] * 5
        assert len(server.requests) == sent + 1
        clock.elapsed = 12
        assert lease.held()
        assert len(server.requests) == sent + 2


@pytest.mark.parametrize(
    ("asked", "waits"), [(6, 6), (3600, 7.5)], ids=["within the lease", "longer than the lease"]
)
def test_lease_renewal_respects_retry_after_while_the_lease_is_valid(
    api, make, clock, reply, server, asked, waits
):
    with make() as lease:
        api.failing = reply(429, "slow down", headers=(("Retry-After", str(asked)),))
        clock.elapsed = 10
        assert lease.held()
        assert clock.elapsed == 10, "the client itself does not wait"
        sent = len(server.requests)
        clock.elapsed = 10 + waits - 0.1
        assert lease.held()
        assert len(server.requests) == sent
        api.failing = None
        clock.elapsed = 10 + waits
        assert lease.held()
        assert lease.valid_s() == 25


def test_rejected_events_delay_neither_lease_renewals_nor_patches(
    api, make, client, server, clock, reply
):
    vm, turned_away = vm_ref("db", "pg-0"), threading.Event()

    def busy(_request):
        turned_away.set()
        return reply(429, "slow down", (("Retry-After", "40"),))

    events = "/apis/events.k8s.io/v1/namespaces/db/events"
    server.handlers[events] = busy
    server.on(resource_paths.of(vm), reply(200, {}))
    sender = DirectRecorder(client, clock=clock, instance="us", revision="commit")
    queue = QueuedRecorder(sender, hurried=lambda: False, broken=lambda _: None)
    with make() as lease, queue as recorder:
        clock.elapsed = 10
        recorder.record(vm, "uid", reason="A", message="m")
        assert turned_away.wait(20)
        assert lease.held()
        assert lease.valid_s() == 25, "it was renewed"
        assert client.patch(resource_paths.of(vm), []).ok
        recorder.record(vm, "uid", reason="B", message="m")
    assert clock.elapsed == 10, "no request waits"
    assert [each.path for each in server.requests].count(events) == 1


def test_wait_for_a_lease_calls_its_callback_each_second_to_renew_another_lease(
    api, client, clock
):
    foreign(api, leaseDurationSeconds=3)
    kept = []
    with ClusterLease(
        client,
        clock=clock,
        namespace="kubevirt",
        name="reconciler",
        holder="us",
        waiting=lambda: kept.append(clock.elapsed),
    ):
        assert kept == [0, 1, 2, 3]


def test_lease_times_are_measured_in_real_seconds_even_with_an_accelerated_clock(
    api, client, clock
):
    with ClusterLease(
        client, clock=clock, namespace="kubevirt", name="reconciler", holder="us", scale=60.0
    ) as lease:
        clock.elapsed = 9.0 * 60
        assert lease.held()
        assert lease.valid_s() == 16
        clock.elapsed = 61.0 * 60
        assert lease.valid_s() == 0
        assert api.stored["spec"]["leaseDurationSeconds"] == 30


def test_error_about_a_held_lease_contains_holder_lease_name_and_server(api, make, clock, client):
    foreign(api, holderIdentity="pod-7")
    clock.on_sleep = lambda: api.spec(renewTime=str(clock.elapsed))
    with pytest.raises(LeaseHeldError) as caught, make():
        pass
    expected = f"another run holds the lease kubevirt/reconciler at {client.host}: pod-7"
    assert str(caught.value) == expected
    assert "30 s" in caught.value.hint


def test_process_paused_during_a_renewal_keeps_the_lease_if_no_other_run_acquired_it(
    api, make, clock, server
):
    with make() as lease:
        answer = server.handlers[LEASES]

        def slow(request):
            server.handlers[LEASES] = answer
            clock.elapsed += 60
            return answer(request)

        server.handlers[LEASES] = slow
        clock.elapsed = 10
        assert lease.held()
        assert lease.valid_s() == 25


def test_run_does_not_release_a_lease_that_another_run_acquired(api, make):
    with make():
        api.spec(holderIdentity="them")
    assert api.holder == "them"


def test_lease_is_released_despite_an_edit_by_another_client(api, make):
    with make():
        api.spec(leaseTransitions=9)
    assert api.holder == ""
    assert api.stored["spec"]["leaseTransitions"] == 9


def test_wait_for_a_dead_lease_holder_is_measured_in_real_time_even_with_an_accelerated_clock(
    api, client, clock
):
    foreign(api, leaseDurationSeconds=3)
    with ClusterLease(
        client, clock=clock, namespace="kubevirt", name="reconciler", holder="us", scale=60.0
    ):
        assert clock.elapsed == 4 * 60


DEEP = "[" * 20_000 + "]" * 20_000


@pytest.mark.parametrize(
    "body",
    [
        f'{{"kind":"Lease","metadata":{DEEP}}}',
        '{"kind":"Status","metadata":{},"status":"Success"}',
        '{"kind":"Lease","metadata":{"annotations":{"memory.reconciler.dev/a":1}}}',
        '{"kind":"Lease","metadata":{"annotations":[]}}',
        '{"kind":"Lease","metadata":{},"spec":[]}',
        '{"kind":"Lease","metadata":{},"spec":{"holderIdentity":7}}',
        '{"kind":"Lease","metadata":{},"spec":{"leaseDurationSeconds":"30"}}',
        '{"kind":"Lease","metadata":{},"spec":{"leaseTransitions":1.5}}',
        f'{{"kind":"Lease","metadata":{{}},"spec":{{"leaseTransitions":{"9" * 5000}}}}}',
    ],
    ids=lambda body: body[:70],
)
def test_lease_renewal_is_retried_after_an_unreadable_response(
    server, make, api, clock, harness, caplog, body
):
    with make("a") as lease:
        api.failing = harness.Reply(200, body)
        clock.elapsed += 11
        assert lease.held()
        assert "cannot renew the lease" in caplog.text
        assert "the server's response is not a Lease" in caplog.text
        api.failing = None
        clock.elapsed += 3
        assert lease.held()
        assert api.stored["spec"]["holderIdentity"] == "a"
    assert not api.stored["spec"]["holderIdentity"]
