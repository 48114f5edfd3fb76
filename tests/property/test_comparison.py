"""Compares random plans with themselves and with other plans, and checks the comparisons."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.builders import (
    NOW,
    decide,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    q,
    want,
)

from reconciler.app.plan_with_base import plan_with_base
from reconciler.app.read_and_plan import read_and_plan
from reconciler.model.desired.config import Config, RestartConsent
from reconciler.model.desired.desired_state import Reading
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import MAX_GUEST, ROLLOUT_STRATEGY
from reconciler.model.live.capacity import Capacity, NodeUse, ResourceUse
from reconciler.model.plan.comparison import ADDED, Base, BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.model.references import Location, vm_ref
from reconciler.plan.comparison_with_base import compare
from reconciler.plan.plan_policy import PlanPolicy, plan_policy

REFS = [vm_ref("db", f"pg-{n}") for n in range(6)]
BASE = Base(requested="main", revision="0123abc")
FULL = Capacity(
    observed_at=NOW,
    nodes={f"node0{n}": NodeUse(requested=ResourceUse(memory=62 * 2**30)) for n in range(1, 4)},
)
SIZES = st.sampled_from(("1Gi", "1024Mi", "2Gi", "3Gi", "5Gi", "1025Mi"))
SETTINGS = st.sampled_from(
    (None, {ROLLOUT_STRATEGY: "Stage"}, {ROLLOUT_STRATEGY: "LiveUpdate"}, {MAX_GUEST: q("8Gi")})
)
PROBLEMS = st.builds(
    Diagnostic,
    severity=st.sampled_from(Severity),
    code=st.sampled_from(("one", "two")),
    message=st.sampled_from(("wrong", "wrong at a.yaml:1:2", "wrong at a.yaml:7:2")),
    at=st.none()
    | st.builds(Location, path=st.just("a"), line=st.integers(1, 3), column=st.just(1)),
    ref=st.sampled_from((None, *REFS)),
)
CONFIGS = st.builds(
    Config,
    restart=st.sampled_from(RestartConsent),
    create=st.booleans(),
    cluster=st.sampled_from((None, None, None, "cluster", "another")),
)


@st.composite
def desired_states(draw):
    sizes = draw(st.dictionaries(st.sampled_from(REFS), SIZES))
    vms = [want(size, ref) for ref, size in sizes.items()]
    problems = tuple(draw(st.lists(PROBLEMS, max_size=3)))
    return make_desired(*vms, kubevirt=draw(SETTINGS), diagnostics=problems)


@st.composite
def readings(draw):
    state = draw(desired_states())
    return Reading(
        config=draw(CONFIGS), state=replace(state, unusable=draw(st.integers(0, 9)) == 0)
    )


@st.composite
def live_states(draw):
    known = draw(st.sets(st.sampled_from(REFS)))
    sizes = {ref: draw(SIZES) for ref in sorted(known)}
    vms = [make_vm(ref, size) for ref, size in sizes.items()]
    return make_live(*vms, vmis=tuple(make_vmi(ref) for ref in sizes))


class Fixed:
    """Provides fixed inputs for a plan, and the same time at each call."""

    def __init__(self, reading=None, base=None, live=None, capacity=None):
        self.reading, self.base, self.live, self.pods = reading, base, live, capacity
        self.reads = Counter()

    def read(self):
        self.reads["state"] += 1
        if self.live is not None:
            return self.live
        return self.reading if self.base is None else (self.base, self.reading)

    def capacity(self):
        self.reads["capacity"] += 1
        return self.pods

    def now(self):
        return NOW


def compared(before, after, live):
    old, new = (decide(each, live, PlanPolicy(), NOW) for each in (before, after))
    return compare(BASE, before=old, before_desired=before, after=new, after_desired=after)


@given(desired_states(), live_states())
def test_plan_comparison_reports_no_difference_between_two_equal_plans(state, live):
    found = compared(state, state, live)
    assert {each.state for each in found.objects.values()} <= {BaselineState.UNCHANGED}
    assert set(found.diagnostics.values()) <= {BaselineState.UNCHANGED}
    assert found.absent_diagnostics == ()
    assert not any(each.edited or each.edited_fields for each in found.objects.values())
    assert not found.adds_errors
    assert list(found.removed) == list(found.withdrawn) == list(found.indirect) == []


@given(desired_states(), desired_states(), live_states())
def test_plan_comparison_swaps_new_and_absent_objects_if_the_two_plans_are_swapped(
    one, other, live
):
    there, back = compared(one, other, live), compared(other, one, live)
    exchanged = {BaselineState.NEW: BaselineState.ABSENT, BaselineState.ABSENT: BaselineState.NEW}
    for ref, each in there.objects.items():
        assert back.objects[ref].state is exchanged.get(each.state, each.state)
        assert back.objects[ref].edited == each.edited


@given(desired_states(), desired_states(), live_states())
def test_plan_comparison_marks_changes_that_were_already_pending_in_the_base_commit(
    one, other, live
):
    found = compared(one, other, live)
    plan = decide(other, live, PlanPolicy(), NOW)
    base = {each.ref: each for each in decide(one, live, PlanPolicy(), NOW).decisions}
    for each in plan.decisions:
        if each.effect is Effect.NONE:
            continue
        state, before = found.state(each.ref), base.get(each.ref)
        assert state is not BaselineState.ABSENT
        pending = before is not None and before.effect is not Effect.NONE
        if state is BaselineState.UNCHANGED:
            assert pending
            assert (before.effect, before.target) == (each.effect, each.target)
            assert [a.id for a in before.actions] == [a.id for a in each.actions]
        if not pending and not (before and before.warnings):
            assert state is BaselineState.NEW
    counted = sum(
        n for state in ("new", "updated", "unchanged") for n in found.summary()[state].values()
    )
    assert counted == sum(each.effect is not Effect.NONE for each in plan.decisions)


@given(readings(), readings(), live_states(), st.sampled_from((None, FULL)))
def test_plan_is_the_same_with_and_without_a_base_commit_for_comparison(
    base, head, live, capacity
):
    head = replace(
        head, config=replace(head.config, cluster=None), state=replace(head.state, unusable=False)
    )
    alone = read_and_plan(
        Fixed(head), Fixed(live=live, capacity=capacity), Fixed(), plan_policy
    ).plan
    cluster = Fixed(live=live, capacity=capacity)
    both = plan_with_base(Fixed(head), Fixed(base, BASE), cluster, Fixed(), plan_policy)
    assert both.planned.plan == alone
    assert both.planned.plan.digest == alone.digest
    assert cluster.reads["state"] == 1
    assert cluster.reads["capacity"] <= 1 + (capacity is None)
    if both.comparison.base.unplanned:
        assert base.state.unusable or base.config.cluster == "another"
        assert not [each for each in both.comparison.objects.values() if each.before]
        return
    expected = read_and_plan(
        Fixed(base), Fixed(live=live, capacity=capacity), Fixed(), plan_policy
    ).plan
    known = {ref: each.before for ref, each in both.comparison.objects.items() if each.before}
    assert known == {each.ref: each for each in expected.decisions}


@given(readings(), live_states())
def test_plan_comparison_reports_no_new_change_for_two_identical_commits(reading, live):
    reading = replace(
        reading,
        config=replace(reading.config, cluster=None),
        state=replace(reading.state, unusable=False),
    )
    found = plan_with_base(
        Fixed(reading), Fixed(reading, BASE), Fixed(live=live), Fixed(), plan_policy
    ).comparison
    assert not [each for each in found.objects.values() if each.state in ADDED]
    assert not found.adds_errors
    assert not found.config_edited
