"""Tests Leases, Events and access reviews with an API server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.fake_ports import DirectRecorder

from reconciler.app.clock import SystemClock
from reconciler.cluster.api import resource_paths
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.write import access_review
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import ForbiddenError, LeaseHeldError
from reconciler.model.fields import GUEST_MEMORY, WaveName
from reconciler.model.plan.plan import Action, Effect, PatchOp, Reason
from reconciler.model.references import pointer
from reconciler.model.run.write_result import Refusal


@pytest.fixture
def make_lease(client, namespace, make_clock):
    def make(holder, clock=None):
        return ClusterLease(
            client, clock=clock or make_clock(), namespace=namespace, name="run", holder=holder
        )

    return make


@pytest.fixture
def record(client, namespace):
    """Return a function that sets the given fields of the Lease, and returns the Lease's spec."""
    path = resource_paths.member("leases", namespace, "run", resource_paths.LEASES_API)

    def access_record(**changes):
        held = json.loads(client.get(path))
        if changes:
            body = {**held, "spec": {**held["spec"], **changes}}
            held = json.loads(client.send("PUT", path, body=body).body)
        return held["spec"]

    return access_record


def test_lease_is_acquired_renewed_and_released(make_lease, record, make_clock):
    clock = make_clock()
    with make_lease("a", clock) as lease:
        taken = record()
        assert (taken["holderIdentity"], taken["leaseDurationSeconds"]) == ("a", 30)
        clock.elapsed += 11
        assert lease.held()
        assert record()["renewTime"] > taken["renewTime"]
        assert record()["acquireTime"] == taken["acquireTime"]
    assert record().get("holderIdentity", "") == ""


def test_released_lease_is_acquired_without_waiting(make_lease, record, make_clock):
    with make_lease("a"):
        pass
    clock = make_clock()
    with make_lease("b", clock):
        assert record()["holderIdentity"] == "b"
        assert record()["leaseTransitions"] == 1
    assert clock.elapsed == 0


def test_lease_holder_that_renews_in_time_keeps_the_lease(make_lease, record, make_clock):
    clock = make_clock()
    clock.on_sleep = lambda: record(renewTime="2026-11-23T00:00:01.000000Z")
    with make_lease("a"):
        with pytest.raises(LeaseHeldError) as caught, make_lease("b", clock):
            pytest.fail("two runs hold the lease")
        assert caught.value.holder == "a"
        assert record()["holderIdentity"] == "a"


def test_lease_without_renewals_is_acquired_by_another_run_after_its_duration(
    make_lease, record, make_clock
):
    clock = make_clock()
    with make_lease("a") as dead:
        with make_lease("b", clock) as taken:
            assert clock.elapsed > 30
            assert record()["holderIdentity"] == "b"
            clock.elapsed += 11
            assert taken.held()
            dead._clock.elapsed += 11
            assert not dead.held()
        assert record().get("holderIdentity", "") == "", "an expired run must not retake the lease"


def test_lease_stays_held_after_an_edit_by_another_client(make_lease, record, make_clock):
    clock = make_clock()
    with make_lease("a", clock) as lease:
        record(leaseTransitions=7)
        clock.elapsed += 11
        assert lease.held()
        assert record()["leaseTransitions"] == 7


def test_lease_requested_by_two_runs_concurrently_is_held_by_only_one_run(make_lease, record):
    leases = {name: make_lease(name) for name in ("a", "b")}

    def hold(name):
        try:
            leases[name].__enter__()
        except LeaseHeldError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        got = dict(zip(leases, pool.map(hold, leases), strict=True))
    holder = record()["holderIdentity"]
    assert got[holder]
    leases[holder]._clock.elapsed += 11
    assert leases[holder].held()
    loser = leases["b" if holder == "a" else "a"]
    loser._clock.elapsed += 11
    assert not loser.held()


def test_event_written_through_events_v1_is_readable_through_core_v1(
    client, namespace, make_vm, writer
):
    ref = make_vm()
    uid = writer.read_vm(ref).uid
    recorder = DirectRecorder(
        client, clock=SystemClock(), instance="test-run", revision="test-commit"
    )
    recorder.record(ref, uid, reason="MemoryPatched", message="guest 1Gi -> 2Gi", warning=True)
    path = f"/api/v1/namespaces/{namespace}/events"
    query = {"fieldSelector": f"involvedObject.uid={uid},reason=MemoryPatched"}
    (event,) = json.loads(client.get(path, query))["items"]
    assert event["message"] == "guest 1Gi -> 2Gi"
    assert (event["type"], event["action"]) == ("Warning", "Reconcile")
    assert event["reportingComponent"] == "reconciler"
    assert event["reportingInstance"] == "test-run"
    about = event["involvedObject"]
    assert (about["kind"], about["namespace"], about["name"]) == (ref.kind, namespace, ref.name)


def test_missing_permission_for_events_is_logged_and_not_raised(robot, make_vm, writer, caplog):
    ref = make_vm()
    recorder = DirectRecorder(
        robot, clock=SystemClock(), instance="test-run", revision="test-commit"
    )
    recorder.record(ref, writer.read_vm(ref).uid, reason="MemoryPatched", message="m")
    (logged,) = [each for each in caplog.records if each.name.startswith("reconciler")]
    assert "cannot create Kubernetes Events" in logged.getMessage()


def test_error_about_missing_permissions_lists_every_missing_permission(client, robot, namespace):
    rights = access_review.apply_rights(
        namespace,
        config_lease="config",
        memory_lease="memory",
        create=True,
        restart=True,
    )
    access_review.require(client, rights)
    with pytest.raises(ForbiddenError) as caught:
        access_review.require(robot, rights)
    assert f"lack {len(rights)} required permissions" in str(caught.value)
    for right in rights:
        assert str(right) in str(caught.value)


def test_service_account_with_a_single_permission_is_denied_other_requests(
    client, robot, namespace, make_vm, eventually
):
    def may(verb):
        right = access_review.Right(
            verb=verb, group="kubevirt.io", resource=resource_paths.VMS, namespace=namespace
        )
        return access_review.may(robot, right)

    grant(client, namespace, "get")
    ref = make_vm()
    # The server sees a new role with a delay, through a watch.
    eventually(lambda: may("get"), "the role is in force")
    assert not may("list")
    assert not may("patch")
    writer = ClusterWriter(robot)
    assert writer.read_vm(ref) is not None
    patch = (PatchOp(op="replace", path=pointer(GUEST_MEMORY), value="2Gi"),)
    action = Action(
        ref=ref,
        uid=None,
        wave=WaveName.MEMORY,
        effect=Effect.COLD,
        reason=Reason.NOT_RUNNING,
        patch=patch,
        digest="sha256:0",
    )
    written = writer.write(action)
    assert (written.refusal, written.status) == (Refusal.FORBIDDEN, 403)
    assert 'cannot patch resource "virtualmachines"' in written.message


def grant(client, namespace, *verbs):
    """Allow the service account without permissions to use *verbs* on the VMs of a namespace."""
    api = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": ["kubevirt.io"], "resources": [resource_paths.VMS], "verbs": list(verbs)}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "robot"},
        "rules": [rule],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "robot"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "robot"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": namespace}],
    }
    client.send("POST", f"{api}/roles", body=role)
    client.send("POST", f"{api}/rolebindings", body=binding)
