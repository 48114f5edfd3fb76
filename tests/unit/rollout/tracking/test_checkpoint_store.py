"""Tests the progress (checkpoint) that one run saves in its Lease and the next run reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NOW, VM, make_desired, make_live, make_vm, make_vmi, plan_of, want
from support.fake_ports import FakeLease

from reconciler.model.annotations import ROLLOUT
from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Reason
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


def test_checkpoint_annotation_is_removed_from_the_lease_together_with_its_last_object():
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
