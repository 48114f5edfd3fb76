"""The lease: of two runs one holds it, whatever their clocks say, and a dead one loses it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from reconciler.cluster.api import resource_paths
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.write.event_queue import QueuedRecorder
from reconciler.cluster.write.events import ClusterRecorder
from reconciler.errors import ForbiddenError, LeaseHeldError
from reconciler.model.references import vm_ref

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"


ROLLOUT = "memory.reconciler.dev/rollout"


class LeaseApi:
    """One Lease with optimistic concurrency, as an API server keeps it."""

    def __init__(self, harness):
        self.stored = None
        self.version = 0
        self.failing = None
        self.deaf = False
        """Whether writes are carried out and their answers lost."""
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
    api.store({"metadata": metadata, "spec": {**base, **spec}})


def test_a_free_lease_is_made_held_and_given_back(api, make, clock):
    with make() as lease:
        assert api.holder == "us"
        assert api.stored["spec"]["leaseDurationSeconds"] == 30
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
        clock.elapsed = 9.9
        assert lease.held()
        assert len(server.requests) == sent
        clock.elapsed = 10.1
        assert lease.held()
        assert len(server.requests) == sent + 1
        assert api.stored["spec"]["renewTime"] == "2026-11-23T00:00:10.100000Z"
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
        assert api.stored["metadata"]["annotations"] == {"other/tool": "mine", ROLLOUT: "half"}


def test_a_duration_that_nobody_means_keeps_no_run_out_for_hours(api, make, clock):
    foreign(api, leaseDurationSeconds=86_400)
    with make():
        assert api.holder == "us"
        assert 120 < clock.elapsed <= 122


@pytest.mark.parametrize("wait_s", [0.0, 0.4, 7.0, 14.5])
def test_waiting_for_a_holder_that_may_be_dead_ends_when_the_run_must(api, make, clock, wait_s):
    foreign(api)
    with pytest.raises(LeaseHeldError, match="is held by them, and the deadline") as caught:
        make(wait_s=wait_s).__enter__()
    assert caught.value.holder == "them"
    assert clock.elapsed == pytest.approx(wait_s)
    assert api.holder == "them"


def test_real_seconds_are_waited_by_a_clock_that_runs_faster(api, make, clock):
    foreign(api)
    with pytest.raises(LeaseHeldError):
        make(wait_s=2.0, scale=10.0).__enter__()
    assert clock.elapsed == pytest.approx(20.0)


def test_a_free_lease_is_taken_also_where_no_time_is_left(api, make):
    with make(wait_s=0.0):
        assert api.holder == "us"


def test_one_that_is_abandoned_is_held_on_and_then_left_to_run_out(api, make, clock, server):
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
        clock.elapsed = 11
        assert not lease.held()
        assert lease.valid_s() == 0
        api.spec(holderIdentity="us")
        assert not lease.held()
    assert api.holder == "us"


def test_a_deleted_lease_is_lost(api, make, clock):
    with make() as lease:
        api.stored = None
        clock.elapsed = 11
        assert not lease.held()


def test_a_foreign_edit_that_leaves_us_the_holder_is_survived(api, make, clock):
    with make() as lease:
        api.store({**api.stored, "metadata": {**api.stored["metadata"], "labels": {"a": "b"}}})
        clock.elapsed = 11
        assert lease.held()
        assert api.stored["metadata"]["labels"] == {"a": "b"}


def test_a_server_that_does_not_answer_is_borne_for_a_while(api, make, clock, failure):
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
        assert lease.held(), "nobody took it meanwhile, which the renewal proves"


def test_a_lease_that_another_took_while_the_server_was_away_is_lost(api, make, clock, failure):
    with make() as lease:
        api.failing = failure(503, "not ready")
        clock.elapsed = 26
        assert not lease.held()
        api.failing = None
        api.spec(holderIdentity="them")
        clock.elapsed = 30
        assert not lease.held()
    assert api.holder == "them"


def test_giving_back_may_fail(api, make, failure, caplog):
    with make():
        api.failing = failure(503, "not ready")
    assert "cannot release the lease" in caplog.text


def test_a_lease_that_may_not_be_read_is_an_error(api, make, failure):
    api.failing = failure(403, "cannot get leases", "Forbidden")
    with pytest.raises(ForbiddenError, match="cannot get leases"), make():
        pass


def test_what_is_valid_shrinks_until_it_is_renewed(api, make, clock):
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


def test_a_request_that_begins_while_it_is_held_may_take_a_quarter_of_a_minute(api, make, clock):
    with make() as lease:
        for elapsed in range(0, 300, 3):
            clock.elapsed = float(elapsed)
            assert lease.held()
            assert lease.valid_s() >= 15


@pytest.mark.parametrize("hours", [-5, 5], ids=["behind", "ahead"])
def test_of_a_living_holder_with_a_wrong_clock_it_is_not_taken(api, make, clock, hours):
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


def test_a_process_that_was_paused_renews_if_nobody_took_it(api, make, clock):
    with make() as lease:
        clock.elapsed = 60
        assert lease.valid_s() == 0
        assert lease.held()
        assert lease.valid_s() == 25
    assert api.holder == ""


@pytest.mark.parametrize("holder", ["them", ""], ids=["still held", "released since"])
def test_a_process_that_was_paused_learns_that_another_took_it(api, make, clock, holder):
    with make() as lease:
        api.spec(holderIdentity=holder)
        clock.elapsed = 60
        assert not lease.held()
        assert not lease.held()
    assert api.holder == holder


def test_a_process_that_was_paused_while_it_renewed_asks_once_more(api, make, clock, server):
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


def test_a_renewal_whose_answer_was_lost_is_no_loss(api, make, clock):
    with make() as lease:
        api.deaf = True
        clock.elapsed = 10
        assert lease.held()
        assert lease.valid_s() == 15
        api.deaf = False
        clock.elapsed = 13
        assert lease.held()
        assert lease.valid_s() == 25


def test_a_failed_renewal_is_not_repeated_at_once(api, make, clock, failure, server):
    with make() as lease:
        api.failing = failure(503, "not ready")
        clock.elapsed = 10
        sent = len(server.requests)
        assert [lease.held() for _ in range(5)] == [True] * 5
        assert len(server.requests) == sent + 1
        clock.elapsed = 12
        assert lease.held()
        assert len(server.requests) == sent + 2


@pytest.mark.parametrize(("asked", "waits"), [(6, 6), (3600, 7.5)], ids=["borne", "too long"])
def test_a_server_that_asks_for_patience_gets_what_the_lease_has(
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


def test_events_that_are_turned_away_hold_up_neither_a_renewal_nor_a_patch(
    api, make, client, server, clock, reply
):
    vm, turned_away = vm_ref("db", "pg-0"), threading.Event()

    def busy(_request):
        turned_away.set()
        return reply(429, "slow down", (("Retry-After", "40"),))

    events = "/apis/events.k8s.io/v1/namespaces/db/events"
    server.handlers[events] = busy
    server.on(resource_paths.of(vm), reply(200, {}))
    sender = ClusterRecorder(client, clock=clock, instance="us", revision="commit")
    with make() as lease, QueuedRecorder(sender, hurried=lambda: False) as recorder:
        clock.elapsed = 10
        recorder.record(vm, "uid", reason="A", message="m")
        assert turned_away.wait(20)
        assert lease.held()
        assert lease.valid_s() == 25, "it was renewed"
        assert client.patch(resource_paths.of(vm), []).ok
        recorder.record(vm, "uid", reason="B", message="m")
    assert clock.elapsed == 10, "nobody waits"
    assert [each.path for each in server.requests].count(events) == 1


def test_a_lease_that_is_waited_for_lets_another_be_kept(api, client, clock):
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


def test_on_a_faster_clock_its_times_are_real_seconds(api, client, clock):
    with ClusterLease(
        client, clock=clock, namespace="kubevirt", name="reconciler", holder="us", scale=60.0
    ) as lease:
        clock.elapsed = 9.0 * 60
        assert lease.held()
        assert lease.valid_s() == 16
        clock.elapsed = 61.0 * 60
        assert lease.valid_s() == 0
        assert api.stored["spec"]["leaseDurationSeconds"] == 30


def test_a_run_is_told_who_holds_which_lease_where(api, make, clock, client):
    foreign(api, holderIdentity="pod-7")
    clock.on_sleep = lambda: api.spec(renewTime=str(clock.elapsed))
    with pytest.raises(LeaseHeldError) as caught, make():
        pass
    expected = f"another run holds the lease kubevirt/reconciler at {client.host}: pod-7"
    assert str(caught.value) == expected
    assert "30 s" in caught.value.hint


def test_a_process_that_was_paused_while_it_renewed_goes_on_if_nobody_took_it(
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


def test_who_took_the_lease_keeps_it_when_we_end(api, make):
    with make():
        api.spec(holderIdentity="them")
    assert api.holder == "them"


def test_it_is_given_back_in_spite_of_a_foreign_edit(api, make):
    with make():
        api.spec(leaseTransitions=9)
    assert api.holder == ""
    assert api.stored["spec"]["leaseTransitions"] == 9


def test_on_a_faster_clock_it_waits_real_seconds_for_a_dead_holder(api, client, clock):
    foreign(api, leaseDurationSeconds=3)
    with ClusterLease(
        client, clock=clock, namespace="kubevirt", name="reconciler", holder="us", scale=60.0
    ):
        assert clock.elapsed == 4 * 60


DEEP = "[" * 20_000 + "]" * 20_000


def test_lease_that_cannot_be_decoded_is_renewed_later(server, make, api, clock, harness, caplog):
    with make("a") as lease:
        api.failing = harness.Reply(200, f'{{"metadata":{DEEP}}}')
        clock.elapsed += 11
        assert lease.held()
        assert "cannot renew the lease" in caplog.text
        assert "the server's answer is not a Lease" in caplog.text
        api.failing = None
        clock.elapsed += 3
        assert lease.held()
        assert api.stored["spec"]["holderIdentity"] == "a"
    assert not api.stored["spec"]["holderIdentity"]
