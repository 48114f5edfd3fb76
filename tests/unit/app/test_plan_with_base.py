"""Tests that the plans of a commit and of its base commit share a snapshot and equal decisions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from support.builders import NOW, make_desired, make_live, make_vm, make_vmi, want

from reconciler.app.plan_with_base import plan_with_base
from reconciler.errors import InvalidError, WrongClusterError
from reconciler.model.desired.config import Config
from reconciler.model.desired.desired_state import Reading
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.capacity import Capacity
from reconciler.model.plan.comparison import Base, BaselineState
from reconciler.model.references import vm_ref
from reconciler.plan.plan_policy import plan_policy

REFS = A, B = vm_ref("db", "a"), vm_ref("db", "b")
LIVE = make_live(*map(make_vm, REFS), vmis=tuple(map(make_vmi, REFS)))
PROBLEM = Diagnostic(severity=Severity.WARNING, code="pods-unreadable", message="no right")


@dataclass
class Source:
    reading: Reading

    def read(self) -> Reading:
        return self.reading


@dataclass
class BaseSource:
    reading: Reading

    def read(self):
        return Base(requested="main", revision="0123abc"), self.reading


@dataclass
class Live:
    reads: list[str] = field(default_factory=list)

    def read(self):
        self.reads.append("state")
        return LIVE

    def capacity(self):
        self.reads.append("capacity")
        return Capacity(observed_at=NOW, diagnostics=(PROBLEM,))


class FixedClock:
    def now(self):
        return NOW


def reading(*vms, config=None, **settings) -> Reading:
    return Reading(config=config or Config(), state=make_desired(*vms, **settings))


def planned(before, after, live=None):
    return plan_with_base(
        Source(after), BaseSource(before), live or Live(), FixedClock(), plan_policy
    )


def test_unchanged_vm_is_evaluated_only_once_for_both_the_planned_and_the_base_commit():
    same = want("2Gi", A)
    before = reading(same, want("1Gi", B))
    after = reading(same, want("3Gi", B))
    provenance = {**after.state.provenance, A: before.state.provenance[A]}
    after = replace(after, state=replace(after.state, provenance=provenance))
    objects = planned(before, after).comparison.objects
    assert objects[A].before is objects[A].after
    assert objects[B].before is not objects[B].after


def test_plan_with_a_base_commit_reads_the_live_state_once_and_capacity_only_if_needed():
    still, growing = reading(want("1Gi", A)), reading(want("2Gi", A))
    found = []
    for before, after in ((still, still), (still, growing), (growing, growing)):
        live = Live()
        planned(before, after, live)
        found.append(live.reads)
    assert found == [["state"], ["state", "capacity"], ["state", "capacity"]]


def test_missing_permission_for_pods_is_not_resolved_if_only_the_base_commit_needs_it():
    live = Live()
    found = planned(reading(want("2Gi", A)), reading(want("1Gi", A)), live)
    assert live.reads == ["state", "capacity"]
    assert found.planned.plan.diagnostics == ()
    assert found.comparison.absent_diagnostics == ()
    assert found.comparison.state(A) is BaselineState.ABSENT


def test_invalid_commit_is_reported_before_the_base_commit_and_the_cluster_are_read():
    live = Live()
    with pytest.raises(InvalidError):
        planned(reading(), reading(unusable=True), live)
    assert live.reads == []


def test_planned_commit_whose_configuration_requires_a_different_cluster_is_rejected():
    with pytest.raises(WrongClusterError):
        planned(reading(), reading(config=Config(cluster="another")))


@pytest.mark.parametrize(
    ("base", "says"),
    [
        (reading(want("2Gi", A), unusable=True), "its configuration is invalid"),
        (
            reading(want("2Gi", A), config=Config(cluster="x")),
            "its configuration is meant for cluster x",
        ),
    ],
)
def test_every_planned_change_counts_as_new_if_the_base_commit_cannot_be_planned(base, says):
    found = planned(base, reading(want("2Gi", A))).comparison
    assert found.base.unplanned == says
    assert found.state(A) is BaselineState.NEW
    assert not found.objects[A].edited
