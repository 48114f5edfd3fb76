"""Tests that the final result of an object appears once in progress, Events and checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    KUBEVIRT,
    VM,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    want,
)
from support.fake_ports import FakePorts

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Verb
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.rollout.tracking.build_outcome import build_outcome
from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
from reconciler.rollout.tracking.tracked_object import (
    Cause,
    FinalResult,
    IllegalTransitionError,
    TrackedObject,
)

(DECISION,) = plan_of(
    make_desired(want("2Gi")), make_live(make_vm(), vmis=(make_vmi(),))
).decisions
(ACTION,) = DECISION.actions


def tracked(ports: FakePorts, *, written: bool, ref=VM, **action) -> TrackedObject:
    decision = replace(DECISION, ref=ref)
    found = TrackedObject(planned=decision, latest=decision)
    if written:
        found.sent(replace(ACTION, ref=ref, **action), ports.clock.now())
        found.accepted(ports.clock.now())
    return found


def end(result: Result, reason: str = "reverted", cause: Cause = Cause.JUDGED) -> FinalResult:
    why = Explanation(reason=reason, message="so it is", hint="do this")
    return FinalResult(result=result, why=why, cause=cause)


# The end and whether this run wrote; then the expected step, Event and recorded failure.
ENDS = [
    pytest.param(
        end(Result.DONE, "converged"), True, Step.DONE, "MemoryReached", False, id="done"
    ),
    pytest.param(
        end(Result.DONE, "stopped-as-desired"), True, Step.DONE, None, False, id="stopped"
    ),
    pytest.param(
        end(Result.DONE, "converged"), False, Step.DONE, None, False, id="done by others"
    ),
    pytest.param(
        end(Result.FAILED),
        True,
        Step.FAILED,
        "MemoryNotReached",
        True,
        id="failed, not visible in the cluster",
    ),
    pytest.param(
        end(Result.FAILED, "plug-refused"),
        True,
        Step.FAILED,
        "MemoryNotReached",
        False,
        id="failed, visible in the cluster",
    ),
    pytest.param(
        end(Result.FAILED), False, Step.FAILED, None, False, id="failed in an earlier run"
    ),
    pytest.param(
        end(Result.FAILED, "denied", Cause.REFUSED),
        False,
        Step.FAILED,
        "WriteRefused",
        False,
        id="write rejected",
    ),
    pytest.param(
        end(Result.FAILED, "forbidden", Cause.REFUSED),
        True,
        Step.FAILED,
        "WriteRefused",
        False,
        id="restart rejected",
    ),
    pytest.param(end(Result.HELD), False, Step.SKIPPED, None, False, id="held"),
    pytest.param(end(Result.HELD), True, Step.STAGED, None, False, id="staged"),
    pytest.param(end(Result.STALE, "stale"), False, Step.SKIPPED, None, False, id="stale"),
    pytest.param(
        end(Result.NOT_STARTED, "failure-budget"),
        False,
        Step.SKIPPED,
        None,
        False,
        id="failure budget used up",
    ),
    *(
        pytest.param(
            end(result, "live", Cause.RUN_ENDED), written, None, None, False, id=f"{result} at end"
        )
        for result, written in (
            (Result.RUNNING, True),
            (Result.DONE, True),
            (Result.HELD, False),
            (Result.NOT_STARTED, False),
        )
    ),
]


@pytest.mark.parametrize(("how", "written", "step", "event", "kept"), ENDS)
def test_final_vm_result_appears_once_in_the_progress_the_events_and_the_checkpoint(
    how, written, step, event, kept
):
    ports = FakePorts()
    found = tracked(ports, written=written)
    ports.closer.close(found, how)
    assert [each.step for each in ports.progress] == ([step] if step else [])
    assert [each.outcome for each in ports.progress] == ([build_outcome(found)] if step else [])
    assert ports.recorder.events == ([(event, "pg-0")] if event else [])
    assert list(ports.closer.memory.checkpoint.failures) == ([VM] if kept else [])
    assert (
        ports.closer.config.checkpoint
        == CheckpointStore(ports.config_lease, ports.clock.now()).checkpoint
    )
    with pytest.raises(IllegalTransitionError):
        ports.closer.close(found, how)
    assert len(ports.progress) == (1 if step else 0)
    assert len(ports.recorder.events) == (1 if event else 0)


@pytest.mark.parametrize(("how", "written", "step", "event", "kept"), ENDS)
def test_failed_kubevirt_cr_change_is_stored_only_in_the_lease_annotation_for_the_kubevirt_cr(
    how, written, step, event, kept
):
    ports = FakePorts()
    found = tracked(ports, written=written, ref=KUBEVIRT)
    ports.closer.close(found, how)
    step = Step.SKIPPED if step is Step.STAGED else step
    assert [each.step for each in ports.progress] == ([step] if step else [])
    refused = [("WriteRefused", "kubevirt")] if event == "WriteRefused" else []
    assert ports.recorder.events == refused
    assert list(ports.closer.config.checkpoint.failures) == ([KUBEVIRT] if kept else [])
    assert ports.memory_lease.writes == 0


def test_kubevirt_cr_change_that_is_not_applied_in_time_is_not_stored_as_failed_for_later_runs():
    ports = FakePorts()
    ports.closer.close(
        tracked(ports, written=True, ref=KUBEVIRT), end(Result.FAILED, "not-settled")
    )
    assert ports.config_lease.writes == 0


def test_vm_that_reached_its_desired_size_is_removed_from_the_rollout_checkpoint():
    ports = FakePorts()
    ports.closer.close(tracked(ports, written=True), end(Result.FAILED))
    assert ports.closer.memory.checkpoint.failures
    ports.closer.close(tracked(ports, written=False), end(Result.DONE, "converged"))
    assert not ports.closer.memory.checkpoint.failures
    assert not ports.memory_lease.kept


def test_checkpoint_stores_the_failure_of_a_new_vm_although_the_uid_of_the_vm_is_unknown():
    ports = FakePorts()
    ports.closer.close(
        tracked(ports, written=True, verb=Verb.CREATE, uid=None), end(Result.FAILED, "deleted")
    )
    (kept,) = ports.closer.memory.checkpoint.failures.values()
    assert (kept.uid, kept.target, kept.why.reason) == (None, "", "deleted")


def test_next_run_reads_an_earlier_vm_failure_from_the_rollout_checkpoint():
    ports = FakePorts()
    ports.closer.close(tracked(ports, written=True), end(Result.FAILED))
    found = CheckpointStore(ports.memory_lease, ports.clock.now()).failure_of(DECISION)
    assert found is not None
    assert found.why == Explanation(reason="reverted", message="so it is")
