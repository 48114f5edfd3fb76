"""Tests which VM changes one round of a rollout writes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    NOW,
    condition,
    decide,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    want,
)
from support.fake_ports import FakePorts, FakeWriter

from reconciler.model.explanation import Explanation
from reconciler.model.plan.approval import Approval
from reconciler.model.plan.plan import Verb
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import Result
from reconciler.model.run.write_result import Refusal, Written
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.tracking.tracked_object import FinalResult, TrackedObject
from reconciler.rollout.waves.dispatch import Dispatch
from reconciler.rollout.writes.send_and_handle_answer import Writes

NAMES = ("a", "b", "c", "d")
REFS = {name: vm_ref("db", name) for name in NAMES}
NOTHING = Approval(digest="d", cluster="cluster", revision="c", actions={})
DENIED = Written(refusal=Refusal.DENIED, status=422, message="no")


class Round:
    """One rollout round with four running VMs that Git wants to grow from 1Gi to 2Gi."""

    def __init__(self, *answers, choices=None, policy=None, node="node-{}".format, writer=None):
        self.ports = FakePorts(writer=writer or FakeWriter(answers))
        live = make_live(
            *(make_vm(ref) for ref in REFS.values()),
            vmis=tuple(make_vmi(ref, node=node(name)) for name, ref in REFS.items()),
        )
        choices = choices or PlanPolicy()
        desired = make_desired(*(want("2Gi", ref) for ref in REFS.values()))
        self.plan = decide(desired, live, choices, NOW)
        self.planner = Planner()
        self.planner.update(desired, live, choices, NOW)
        self.decisions = {each.ref: each for each in self.plan.decisions if each.ref.is_vm}
        self.objects = {
            ref: TrackedObject(planned=each, latest=each) for ref, each in self.decisions.items()
        }
        self.writes = Writes(self.ports.context, self.ports.closer, revision="c", annotate=False)
        self.dispatch = Dispatch(
            self.plan, policy or RolloutPolicy(), self.ports.context, self.writes
        )
        self.dispatch.capacity.overlay(live, self.objects.values())

    def start(self, *names: str) -> list[str]:
        """Run the rollout round for the VMs *names* (default: all), and return the written VMs."""
        chosen = [REFS[name] for name in names] or list(self.decisions)
        self.dispatch.start(
            {ref: self.decisions[ref] for ref in chosen}, self.objects, self.planner
        )
        return [action.ref.name for action in self.ports.writer.sent]

    def fail(self, name: str) -> None:
        tracked, why = self.objects[REFS[name]], Explanation(reason="denied", message="no")
        tracked.ended(FinalResult(result=Result.FAILED, why=why), NOW)

    def hold(self, name: str) -> str:
        hold = self.objects[REFS[name]].hold
        return hold.why.reason if hold else ""


@pytest.mark.parametrize(
    ("limits", "nodes", "written"),
    [
        ({"max_concurrent": 1}, "1234", "a"),
        ({"max_concurrent": 3}, "1234", "abc"),
        ({"max_concurrent": 4}, "1234", "abcd"),
        ({"max_concurrent": 4, "max_per_node": 1}, "1111", "a"),
        ({"max_concurrent": 4, "max_per_node": 1}, "1122", "ac"),
    ],
)
def test_rollout_writes_as_many_vms_as_the_concurrency_limits_allow(limits, nodes, written):
    one = Round(choices=PlanPolicy(**limits), node=dict(zip(NAMES, nodes, strict=True)).get)
    assert one.start() == list(written)
    held = {one.hold(name) for name in NAMES if name not in written}
    assert held <= {"waits-for-place"}
    assert {one.hold(name) for name in written} == {""}


def test_vm_is_not_written_again_before_the_pause_after_a_failed_write_ends():
    one = Round(choices=PlanPolicy(max_concurrent=4))
    one.objects[REFS["b"]].try_again(5.0)
    assert one.start() == ["a", "c", "d"]
    one.ports.clock.sleep(5.0)
    assert one.start("b")[3:] == ["b"]


def test_unapproved_vm_change_is_reported_as_not_approved_and_is_not_written():
    one = Round(policy=RolloutPolicy(approval=NOTHING))
    assert one.start("a") == []
    assert one.objects[REFS["a"]].final.why.reason == "not-approved"


@pytest.mark.parametrize(("budget", "closed"), [(1, True), (2, False)])
def test_waiting_vms_are_reported_as_not_started_when_the_failure_budget_is_exhausted(
    budget, closed
):
    one = Round(policy=RolloutPolicy(failure_budget=budget))
    one.fail("d")
    assert (one.start("a", "b") == []) is closed
    for name in "ab":
        tracked = one.objects[REFS[name]]
        assert (tracked.result is Result.NOT_STARTED) is closed
        assert not closed or tracked.final.why.reason == "failure-budget"


def test_failed_write_counts_against_the_failure_budget_before_the_next_write_is_sent():
    one = Round(
        DENIED,
        DENIED,
        choices=PlanPolicy(max_concurrent=4),
        policy=RolloutPolicy(failure_budget=2),
    )
    assert one.start() == ["a", "b"]


@pytest.mark.parametrize("what", ["signal", "lease", "pause"])
def test_rollout_sends_no_write_request_while_it_is_paused_stopping_or_without_the_lease(what):
    one = Round()
    one.ports.stopping = what == "signal"
    one.ports.memory_lease.is_held = what != "lease"
    if what == "pause":
        one.writes.pause.start(TimeoutError(), 0.0)
    assert one.start() == []
    assert all(each.open for each in one.objects.values())


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, True),
        ({"conditions": {}}, False),
        ({"uid": "another"}, False),
        ({"restart_asked": True}, False),
        (None, False),
    ],
)
def test_restart_is_requested_only_if_the_live_vm_still_requires_one(changes, asked):
    class Reading(FakeWriter):
        def read_vm(self, ref):
            waiting = make_vm(ref, guest="2Gi", conditions={"RestartRequired": condition("True")})
            return None if changes is None else replace(waiting, **changes)

    one = Round(writer=Reading())
    decision = one.decisions[REFS["a"]]
    restart = replace(decision.actions[0], verb=Verb.RESTART, patch=())
    one.decisions[REFS["a"]] = replace(decision, actions=(restart,))
    assert (one.start("a") == ["a"]) is asked
    assert (REFS["a"] in one.ports.closer.memory.checkpoint.starts) is asked
