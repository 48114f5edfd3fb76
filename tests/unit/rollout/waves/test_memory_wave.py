"""Tests how VM changes start, are tracked and end, one snapshot after another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    VM,
    condition,
    decide,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    q,
    want,
)
from support.fake_ports import FakePorts

from reconciler.errors import UnreachableError
from reconciler.model.explanation import Explanation
from reconciler.model.plan.approval import Approval
from reconciler.model.references import vm_ref
from reconciler.model.run.checkpoint import RecordedFailure
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.model.run.write_result import Refusal, Written
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.tracking.build_outcome import build_outcome
from reconciler.rollout.tracking.tracked_object import State
from reconciler.rollout.waves.memory_wave import MemoryWave
from reconciler.rollout.writes.send_and_handle_answer import Writes

BEFORE = make_live(make_vm(), vmis=(make_vmi(),))
NOTHING_APPROVED = Approval(digest="d", cluster="cluster", revision="c", actions={})
DENIED = Written(refusal=Refusal.DENIED, status=422, message="no")


def patched(generation=2, **vmi) -> object:
    """Return the cluster snapshot after the patch; *vmi* has the state of the instance."""
    sizes = {"guest_at_boot": q("1Gi"), "guest_current": q("1Gi")}
    instance = make_vmi(guest="2Gi", **(sizes | vmi))
    return make_live(make_vm(guest="2Gi", generation=generation), vmis=(instance,))


IN_FLIGHT = {
    "conditions": {"HotMemoryChange": condition("True"), "LiveMigratable": condition("True")}
}


class Wave:
    """The VM changes of one run with fakes; ``step`` passes a snapshot to them."""

    def __init__(self, *answers, live=BEFORE, refs=(VM,), policy=None, ports=None) -> None:
        self.ports = ports or FakePorts()
        self.ports.writer.answers[:] = answers
        self.ports.informer.live = live
        self.desired = make_desired(*(want("2Gi", ref) for ref in refs))
        plan = decide(self.desired, live, PlanPolicy(), NOW)
        self.writes = Writes(self.ports.context, self.ports.closer, revision="c", annotate=False)
        self.wave = MemoryWave(
            plan,
            policy or RolloutPolicy(),
            self.ports.context,
            self.writes,
        )
        self.planner = Planner()

    def step(self, live, *, may_start=True) -> None:
        self.ports.clock.sleep(5)
        live = replace(live, observed_at=self.ports.clock.now())
        live = self.wave.dispatch.capacity.overlay(live, self.wave.objects.values())
        self.planner.update(self.desired, live, PlanPolicy(), self.ports.clock.now())
        self.wave.step(self.planner, may_start=may_start)

    @property
    def vm(self):
        return self.wave.objects[VM]

    @property
    def steps(self):
        return [each.step for each in self.ports.progress]


def test_memory_change_of_a_running_vm_is_patched_tracked_and_completed():
    wave = Wave()
    assert wave.wave.open
    assert not wave.wave.under_way
    wave.step(BEFORE)
    assert (wave.vm.state, wave.wave.under_way) == (State.WRITTEN, True)
    wave.step(patched(**IN_FLIGHT))
    assert wave.vm.open
    wave.step(patched(guest_current=q("2Gi")))
    assert build_outcome(wave.vm).result is Result.DONE
    assert not wave.wave.open
    assert wave.steps == [Step.WAVE, Step.PATCHED, Step.PHASE, Step.DONE]
    assert [each for each, _ in wave.ports.recorder.events] == ["MemoryPatched", "MemoryReached"]


def test_memory_changes_wait_until_the_kubevirt_cr_is_ready():
    wave = Wave()
    wave.step(BEFORE, may_start=False)
    assert wave.ports.writer.sent == []
    assert wave.wave.can_start


def test_vm_whose_change_is_already_in_progress_is_tracked_but_not_written():
    wave = Wave(live=patched(**IN_FLIGHT))
    assert (wave.vm.state, wave.steps) == (State.FOLLOWING, [Step.FOLLOWING])
    wave.step(patched(guest_current=q("2Gi")))
    assert (build_outcome(wave.vm).result, wave.ports.writer.sent) == (Result.DONE, [])
    assert wave.ports.recorder.events == []


def test_unanswered_write_is_treated_as_executed_if_a_later_snapshot_shows_the_change():
    wave = Wave(UnreachableError("no answer"))
    wave.step(BEFORE)
    assert (wave.vm.state, wave.vm.in_doubt) == (State.WAITING, True)
    wave.step(patched(**IN_FLIGHT))
    assert wave.vm.state is State.WRITTEN
    assert len(wave.ports.writer.sent) == 1


def test_reverted_vm_size_is_a_failure_in_this_run_and_in_the_next_run():
    wave = Wave()
    wave.step(BEFORE)
    other = make_live(make_vm(guest="3Gi", generation=3), vmis=(make_vmi(),))
    wave.step(other)
    assert (build_outcome(wave.vm).result, build_outcome(wave.vm).reason) == (
        Result.FAILED,
        "reverted",
    )
    assert len(wave.ports.writer.sent) == 1
    again = Wave(live=other, ports=wave.ports)
    assert build_outcome(again.vm).reason == "reverted"
    assert len(wave.ports.writer.sent) == 1


def test_vm_that_was_recreated_during_its_change_is_written_again():
    wave = Wave()
    wave.step(BEFORE)
    new = make_live(make_vm(uid="another"), vmis=(make_vmi(),))
    wave.step(new)
    assert [each.uid for each in wave.ports.writer.sent] == ["uid-pg-0", "another"]
    assert wave.vm.state is State.WRITTEN


@pytest.mark.parametrize(("age_s", "result"), [(60, Result.FAILED), (3700, None)])
def test_vm_that_failed_in_an_earlier_run_is_not_retried_for_an_hour(age_s, result):
    ports = FakePorts()
    why = Explanation(reason="reverted", message="somebody wrote 3Gi")
    failure = RecordedFailure(uid="uid-pg-0", target=str(q("2Gi").n_bytes), why=why, at=NOW)
    ports.closer.memory.failed(VM, failure)
    ports.clock.sleep(age_s)
    later = FakePorts(clock=ports.clock, memory_lease=ports.memory_lease)
    assert Wave(ports=later).vm.result is result


def test_vm_whose_hotplug_failed_in_the_cluster_is_reported_as_failed_and_is_not_written():
    refused = {"conditions": {"HotMemoryChange": condition("False", "x", "libvirt refused")}}
    wave = Wave(live=patched(**refused))
    assert (build_outcome(wave.vm).result, build_outcome(wave.vm).reason) == (
        Result.FAILED,
        "plug-refused",
    )
    assert not wave.ports.memory_lease.writes


def test_commit_of_a_change_that_fails_in_the_cluster_is_kept_for_later_runs():
    ports = FakePorts()
    Wave(ports=ports).step(BEFORE)
    refused = {"conditions": {"HotMemoryChange": condition("False", "x", "libvirt refused")}}
    later = FakePorts(clock=ports.clock, memory_lease=ports.memory_lease)
    assert build_outcome(Wave(ports=later, live=patched(**refused)).vm).result is Result.FAILED
    assert VM in later.closer.memory.checkpoint.written


def test_vm_change_without_an_approval_is_not_written():
    wave = Wave(policy=RolloutPolicy(approval=NOTHING_APPROVED))
    assert (build_outcome(wave.vm).result, build_outcome(wave.vm).reason) == (
        Result.HELD,
        "not-approved",
    )


REFS = [vm_ref("db", f"vm-{n}") for n in range(4)]


def fleet() -> object:
    return make_live(*map(make_vm, REFS), vmis=tuple(make_vmi(ref) for ref in REFS))


def test_vm_change_does_not_start_after_the_failure_budget_is_exhausted():
    wave = Wave(DENIED, DENIED, live=fleet(), refs=REFS, policy=RolloutPolicy(failure_budget=2))
    wave.step(fleet())
    assert len(wave.ports.writer.sent) == 2
    wave.step(fleet())
    outcomes = [build_outcome(each) for each in wave.wave.objects.values()]
    assert [each.result for each in outcomes] == [Result.FAILED] * 2 + [Result.NOT_STARTED] * 2
    assert {each.reason for each in outcomes[2:]} == {"failure-budget"}
    assert outcomes[2].why.message == "not started: 2 VMs failed, and rollout.failureBudget is 2"
    assert len(wave.ports.writer.sent) == 2


def test_rejected_write_counts_against_the_failure_budget_immediately():
    apart = make_live(
        *map(make_vm, REFS), vmis=tuple(make_vmi(ref, node=ref.name) for ref in REFS)
    )
    wave = Wave(DENIED, DENIED, live=apart, refs=REFS, policy=RolloutPolicy(failure_budget=2))
    wave.step(apart)
    assert len(wave.ports.writer.sent) == 2


def test_waiting_vm_changes_start_when_earlier_changes_within_the_concurrency_limit_have_ended():
    wave = Wave(live=fleet(), refs=REFS)
    wave.step(fleet())
    assert [each.ref.name for each in wave.ports.writer.sent] == ["vm-0", "vm-1"]
    assert wave.wave.objects[REFS[2]].hold.why.reason == "waits-for-place"
    done = [make_vm(ref, guest="2Gi", generation=2) for ref in REFS[:2]]
    instances = [make_vmi(ref, guest="2Gi") for ref in REFS[:2]]
    rest = REFS[2:]
    wave.step(
        make_live(*done, *map(make_vm, rest), vmis=(*instances, *(make_vmi(ref) for ref in rest)))
    )
    assert [each.ref.name for each in wave.ports.writer.sent][2:] == ["vm-2", "vm-3"]


def test_failed_migrations_from_before_the_patch_do_not_count_as_failures_of_the_change():
    wave = Wave()
    wave.step(BEFORE)
    late = NOW + timedelta(seconds=6)
    migrations = (
        make_migration(phase="Failed", name="m-1", created_at=NOW - timedelta(hours=1)),
        make_migration(phase="Failed", name="m-2", created_at=late),
    )
    live = replace(patched(**IN_FLIGHT), migrations={VM: migrations})
    wave.step(live)
    assert (wave.vm.failed_migrations, wave.vm.migration.ref.name) == (1, "m-2")


def test_vm_is_not_written_without_the_lease_for_vm_changes():
    wave = Wave()
    wave.ports.memory_lease.is_held = False
    wave.step(BEFORE)
    assert (wave.ports.writer.sent, wave.vm.open) == ([], True)
