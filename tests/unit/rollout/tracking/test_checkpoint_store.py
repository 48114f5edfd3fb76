"""Tests the progress (checkpoint) that one run saves in its Lease and the next run reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NOW, VM, make_desired, make_live, make_vm, make_vmi, plan_of, want
from support.fake_ports import FakeLease

from reconciler.model.annotations import ROLLOUT
from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import vm_ref
from reconciler.model.run.checkpoint import RecordedFailure, Soak, Start
from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
from reconciler.rollout.tracking.overwritten_size import wanted

LIVE = make_live(make_vm(), vmis=(make_vmi(),))
(DECISION,) = plan_of(make_desired(want("2Gi")), LIVE).decisions
WHY = Explanation(reason="reverted", message="another client replaced it")
FAILURE = RecordedFailure(uid="uid-pg-0", target=wanted(DECISION), why=WHY, at=NOW)
START = Start(uid="uid-pg-0", target=wanted(DECISION), instance="vmi-pg-0", at=NOW)


def kept(*, failure=None, start=None) -> CheckpointStore:
    """Return the checkpoint store of a run after an earlier run stored *failure* and *start*."""
    lease = FakeLease()
    store = CheckpointStore(lease, NOW)
    if failure:
        store.failed(VM, failure)
    if start:
        store.starts(VM, start)
    return CheckpointStore(lease, NOW)


@pytest.mark.parametrize(
    ("changes", "applies"),
    [
        ({}, True),
        ({"uid": "another"}, False),
        ({"target": None}, False),
        ({"effect": Effect.NONE}, False),
        ({"why": Explanation(reason=Reason.IN_FLIGHT, message="m"), "changes": ()}, False),
    ],
    ids=["same", "another VM", "another size", "as desired", "in progress"],
)
def test_stored_vm_failure_is_used_only_for_the_same_vm_and_target_size(changes, applies):
    store = kept(failure=FAILURE)
    assert (store.failure_of(replace(DECISION, **changes)) is not None) is applies


@pytest.mark.parametrize(
    ("start", "applies"),
    [
        (START, True),
        (replace(START, uid=None, target="other"), True),
        (replace(START, uid="another"), False),
        (replace(START, target="other"), False),
    ],
    ids=["same", "created", "another VM", "another size"],
)
def test_stored_start_time_is_used_only_for_the_vm_that_an_earlier_run_created_or_restarted(
    start, applies
):
    assert (kept(start=start).start_of(DECISION) is not None) is applies


def written(commit="commit-1") -> CheckpointStore:
    """Return the checkpoint store of a run after an earlier run wrote the desired size."""
    lease = FakeLease()
    CheckpointStore(lease, NOW).writes([DECISION], commit)
    return CheckpointStore(lease, NOW)


@pytest.mark.parametrize(
    ("changes", "commit"),
    [
        ({}, "commit-1"),
        ({"uid": "another"}, ""),
        ({"target": None}, ""),
        ({"ref": vm_ref("db", "pg-1")}, ""),
    ],
    ids=["same", "another VM", "another size", "another name"],
)
def test_stored_commit_is_used_only_for_the_same_vm_and_target_size(changes, commit):
    assert written().commit_of(replace(DECISION, **changes)) == commit


def test_stored_commit_of_a_created_vm_is_used_even_if_the_uid_of_the_vm_was_not_stored():
    lease = FakeLease()
    store = CheckpointStore(lease, NOW)
    store.writes([replace(DECISION, uid=None)], "commit-1")
    assert CheckpointStore(lease, NOW).commit_of(DECISION) == "commit-1"


def test_no_commit_is_stored_for_a_stopped_vm():
    store = CheckpointStore(FakeLease(), NOW)
    store.writes([replace(DECISION, effect=Effect.COLD)], "commit-1")
    assert store.checkpoint.written == {}


@pytest.mark.parametrize(
    "end",
    [
        lambda store: store.forget(VM),
        lambda store: store.not_written(VM),
        lambda store: store.keep_written(()),
    ],
    ids=["done", "not sent", "not in flight"],
)
def test_commit_of_a_change_that_is_not_in_flight_is_removed_from_the_checkpoint(end):
    store = written()
    end(store)
    assert store.commit_of(DECISION) == ""


def test_commit_of_a_later_write_replaces_the_stored_commit():
    store = written()
    store.writes([DECISION], "commit-2")
    assert store.commit_of(DECISION) == "commit-2"


def test_checkpoint_annotation_is_removed_from_the_lease_when_the_last_object_is_removed():
    lease = FakeLease()
    store = CheckpointStore(lease, NOW)
    store.failed(VM, FAILURE)
    store.starts(VM, START)
    store.forget(VM)
    assert lease.kept == {}
    before = lease.writes
    store.forget(VM)
    assert lease.writes == before


def test_next_run_reads_the_start_of_the_canary_soak_time():
    lease, soak = FakeLease(), Soak(digest="d", since=NOW)
    CheckpointStore(lease, NOW).soaks(soak)
    assert CheckpointStore(lease, NOW).checkpoint.soak == soak


def test_unreadable_rollout_checkpoint_annotation_is_reported_and_replaced():
    lease = FakeLease()
    lease.kept[ROLLOUT] = "{"
    store = CheckpointStore(lease, NOW)
    assert "cannot be read" in store.problem
    store.failed(VM, FAILURE)
    assert CheckpointStore(lease, NOW).problem == ""
