"""Tests that annotations of a Lease are written immediately, or later after a failure."""

from __future__ import annotations

import pytest

from reconciler.cluster.lease.lease import ClusterLease

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
ROLLOUT = "memory.reconciler.dev/rollout"
COMMIT = "memory.reconciler.dev/commit"
OTHER = "memory.reconciler.dev/other"


class Stored:
    """An existing Lease, as in an API server."""

    def __init__(self, harness):
        self._harness = harness
        self.failing = None
        self.version = 0
        self.write(
            {
                "kind": "Lease",
                "metadata": {
                    "name": "reconciler",
                    "labels": {"team": "a"},
                    "annotations": {"others/else": "1", OTHER: "old"},
                },
                "spec": {"holderIdentity": ""},
            }
        )

    def write(self, body):
        self.version += 1
        self.body = {**body, "metadata": {**body["metadata"], "resourceVersion": self.version}}

    def annotate(self, **annotations):
        metadata = self.body["metadata"]
        merged = {**metadata["annotations"], **annotations}
        self.write({**self.body, "metadata": {**metadata, "annotations": merged}})

    @property
    def annotations(self):
        return self.body["metadata"]["annotations"]

    def handle(self, request):
        failing = self.failing(request) if callable(self.failing) else self.failing
        if failing:
            return failing
        if request.method == "PUT":
            if request.body["metadata"]["resourceVersion"] != self.version:
                return self._harness.status(409, "the object has been modified", "Conflict")
            self.write(request.body)
        return self._harness.Reply(200, self.body)


@pytest.fixture
def stored(server, harness):
    stored = Stored(harness)
    server.handlers[LEASES] = stored.handle
    return stored


@pytest.fixture
def make(client, clock):
    def make(holder="us"):
        return ClusterLease(
            client, clock=clock, namespace="kubevirt", name="reconciler", holder=holder
        )

    return make


def test_only_lease_annotations_with_the_annotation_prefix_of_reconciler_are_returned(
    stored, make
):
    lease = make()
    assert lease.annotations() == {}
    with lease:
        assert lease.annotations() == {OTHER: "old"}


def test_lease_annotation_is_written_immediately_together_with_a_renewal(stored, make, clock):
    with make() as lease:
        clock.elapsed = 3
        assert lease.annotate({ROLLOUT: "{}"})
        assert stored.annotations == {"others/else": "1", OTHER: "old", ROLLOUT: "{}"}
        assert stored.body["metadata"]["labels"] == {"team": "a"}
        assert stored.body["spec"]["renewTime"] == "2026-11-23T00:00:03.000000Z"
        assert lease.annotations() == {OTHER: "old", ROLLOUT: "{}"}
        assert lease.valid_s() == 25


def test_lease_annotation_set_to_none_is_removed(stored, make):
    with make() as lease:
        assert lease.annotate({OTHER: None})
        assert stored.annotations == {"others/else": "1"}
        assert lease.annotations() == {}


def test_unchanged_lease_annotation_is_not_written_again(stored, make, server):
    with make() as lease:
        sent = len(server.requests)
        assert lease.annotate({OTHER: "old", ROLLOUT: None})
        assert len(server.requests) == sent


def test_writing_a_lease_annotation_with_a_foreign_prefix_raises_an_error(stored, make):
    with make() as lease, pytest.raises(ValueError, match="others/else does not start with"):
        lease.annotate({"others/else": "2"})
    assert stored.annotations["others/else"] == "1"


def test_lease_annotation_whose_write_failed_is_written_with_the_next_renewal(
    stored, make, clock, failure
):
    with make() as lease:
        stored.failing = failure(503, "not ready")
        assert not lease.annotate({ROLLOUT: "1"})
        assert not lease.annotate({OTHER: None})
        assert lease.annotations() == {OTHER: "old"}
        stored.failing = None
        clock.elapsed = 2
        assert lease.held()
        assert stored.annotations == {"others/else": "1", ROLLOUT: "1"}
        assert lease.annotations() == {ROLLOUT: "1"}


def test_newest_lease_annotation_value_is_written_after_several_failed_writes(
    stored, make, clock, failure
):
    with make() as lease:
        stored.failing = failure(503, "not ready")
        assert not lease.annotate({ROLLOUT: "1"})
        assert not lease.annotate({ROLLOUT: "2"})
        stored.failing = None
        clock.elapsed = 2
        assert lease.annotate({ROLLOUT: "3"})
        assert stored.annotations[ROLLOUT] == "3"


def test_lease_annotation_whose_write_failed_is_written_when_the_lease_is_released(
    stored, make, failure
):
    with make() as lease:
        stored.failing = failure(503, "not ready")
        assert not lease.annotate({ROLLOUT: "1"})
        stored.failing = None
    assert stored.annotations[ROLLOUT] == "1"
    assert stored.body["spec"]["holderIdentity"] == ""


def test_lease_annotation_write_keeps_a_concurrent_edit_by_another_client(stored, make):
    with make() as lease:
        stored.annotate(**{"others/new": "2"})
        assert lease.annotate({ROLLOUT: "1"})
        assert stored.annotations == {
            "others/else": "1",
            "others/new": "2",
            OTHER: "old",
            ROLLOUT: "1",
        }


def test_lease_annotation_is_not_written_if_another_run_has_acquired_the_lease(stored, make):
    with make() as lease:
        body = stored.body
        stored.write({**body, "spec": {**body["spec"], "holderIdentity": "them"}})
        assert not lease.annotate({ROLLOUT: "1"})
        assert ROLLOUT not in stored.annotations
        assert not lease.held()
        assert not lease.annotate({ROLLOUT: "1"})
    assert ROLLOUT not in stored.annotations


def test_rejected_lease_annotation_write_does_not_end_the_lease(
    stored, make, clock, failure, caplog
):
    def too_long(request):
        long = len(str(request.body)) > 10_000
        return failure(422, "annotations: Too long", "Invalid") if long else None

    with make() as lease:
        stored.failing = too_long
        assert not lease.annotate({ROLLOUT: "x" * 20_000})
        assert "rejected the annotations of the lease" in caplog.text
        assert "memory.reconciler.dev/rollout" in caplog.text
        for clock.elapsed in (10.0, 20.0, 30.0, 40.0):
            assert lease.held()
        assert lease.annotate({ROLLOUT: "x"})


def test_next_lease_holder_reads_annotations_that_the_previous_holder_wrote(stored, make, clock):
    with make("them") as dead:
        assert dead.annotate({ROLLOUT: "half"})
        with make("us") as lease:
            assert clock.elapsed > 30
            assert lease.annotations() == {OTHER: "old", ROLLOUT: "half"}
            assert lease.annotate({OTHER: None})
        assert stored.annotations == {"others/else": "1", ROLLOUT: "half"}


def test_queued_lease_annotation_waits_for_the_next_renewal_of_the_lease(stored, make, clock):
    with make() as lease:
        written = stored.version
        lease.annotate_later({COMMIT: "a"})
        assert lease.held()
        assert (stored.version, COMMIT in stored.annotations) == (written, False)
        clock.elapsed += 11
        assert lease.held()
        assert (stored.version, stored.annotations[COMMIT]) == (written + 1, "a")
        lease.annotate_later({COMMIT: "a"})
        clock.elapsed += 11
        lease.held()
        lease.annotate_later({COMMIT: None})
    assert COMMIT not in stored.annotations
    assert stored.annotations[OTHER] == "old"


def test_queued_lease_annotation_replaces_an_older_value_that_could_not_be_written(
    stored, make, clock, failure
):
    with make() as lease:
        stored.failing = failure(503, "not ready")
        assert not lease.annotate({ROLLOUT: "1"})
        lease.annotate_later({ROLLOUT: "2"})
        stored.failing = None
        clock.elapsed = 2
        assert lease.held()
    assert stored.annotations[ROLLOUT] == "2"


def test_immediate_lease_annotation_replaces_an_older_queued_value(stored, make):
    with make() as lease:
        assert lease.annotate({ROLLOUT: "1"})
        lease.annotate_later({ROLLOUT: None})
        assert lease.annotate({ROLLOUT: "1"})
    assert stored.annotations[ROLLOUT] == "1"


def test_queued_lease_annotation_of_a_short_run_is_written_with_the_release_of_the_lease(
    stored, make
):
    with make() as lease:
        lease.annotate_later({COMMIT: "a"})
    assert stored.annotations[COMMIT] == "a"


def test_queued_lease_annotation_needs_the_annotation_prefix_of_reconciler(stored, make):
    with make() as lease, pytest.raises(ValueError, match="others/else does not start with"):
        lease.annotate_later({"others/else": "2"})
