"""Compares an incrementally updated plan with a newly computed plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import (
    NOW,
    condition,
    decide,
    make_desired,
    make_kubevirt,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    q,
    want,
    with_settings,
)

from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import GUEST_MEMORY, NameSet
from reconciler.model.live.capacity import Capacity, NodeUse, ResourceUse
from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.live.live_state import LiveNode
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import Location, dotted, vm_ref
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner

REFS = [vm_ref("db", f"pg-{n}") for n in range(6)]
SIZES = ("1Gi", "2Gi", "3Gi", "5Gi", "1025Mi")


@st.composite
def live_states(draw):
    """Generate changes to some VMs, and sometimes to settings that all VMs share."""
    return {
        "sizes": draw(st.dictionaries(st.sampled_from(REFS), st.sampled_from(SIZES), max_size=2)),
        "spec": draw(st.dictionaries(st.sampled_from(REFS), st.sampled_from(SIZES), max_size=2)),
        "guest": draw(st.dictionaries(st.sampled_from(REFS), st.sampled_from(SIZES), max_size=2)),
        "silent": draw(st.sets(st.sampled_from(REFS), max_size=1)),
        "flying": draw(st.sets(st.sampled_from(REFS), max_size=1)),
        "migrating": draw(st.sets(st.sampled_from(REFS), max_size=1)),
        "gone": draw(st.sets(st.sampled_from(REFS), max_size=1)),
        "methods": draw(st.sampled_from([None, None, None, ("LiveMigrate",), ("Evict",), ()])),
        "max_guest": draw(st.sampled_from([None, None, None, "2Gi", "16Gi"])),
        "nodes": draw(st.sampled_from([None, None, None, 1, 3])),
        "capacity": draw(st.sampled_from([None, None, "small", "large"])),
        "later_s": draw(st.sampled_from([0, 1, 400])),
    }


class Steps:
    """Changes the desired and the live state step by step; unchanged objects stay identical."""

    def __init__(self):
        self.now = NOW
        self.desired = make_desired(*(want("2Gi", ref) for ref in REFS))
        vms = [make_vm(ref) for ref in REFS]
        self.live = make_live(*vms, vmis=tuple(make_vmi(ref) for ref in REFS))

    def step(self, change):
        self.now += timedelta(seconds=change["later_s"])
        wanted = {ref: want(size, ref) for ref, size in change["sizes"].items()}
        self.desired = replace(self.desired, vms={**self.desired.vms, **wanted})
        vms = dict(self.live.vms)
        vms.update({ref: make_vm(ref, size) for ref, size in change["spec"].items()})
        vmis = dict(self.live.vmis)
        for ref, size in change["guest"].items():
            memory = {"guest": q(size), "guest_requested": q(size), "guest_current": q(size)}
            ended = self.now - timedelta(seconds=10)
            vmis[ref] = replace(make_vmi(ref), **memory, migration_ended_at=ended)
        for ref in change["silent"]:
            vms[ref] = make_vm(ref, "2Gi")
            asked = {"guest": q("2Gi"), "guest_requested": q("2Gi"), "guest_current": q("1Gi")}
            vmis[ref] = replace(make_vmi(ref), **asked, migration_ended_at=self.now)
        for ref in change["flying"] & vmis.keys():
            conditions = {**vmis[ref].conditions, "HotMemoryChange": condition("True")}
            vmis[ref] = replace(vmis[ref], conditions=conditions)
        for ref in change["gone"]:
            vms.pop(ref, None)
            vmis.pop(ref, None)
        migrations = dict(self.live.migrations)
        for ref in change["migrating"]:
            migrations[ref] = (make_migration(phase=MigrationPhase.RUNNING),)
        kubevirt = self.live.kubevirt
        if change["methods"] is not None:
            methods = NameSet.of(change["methods"])
            kubevirt = with_settings(kubevirt, workloadUpdateMethods=methods)
        if change["max_guest"]:
            kubevirt = with_settings(kubevirt, maxGuest=q(change["max_guest"]))
        nodes = self.live.nodes
        if change["nodes"]:
            nodes = tuple(
                LiveNode(name=f"node0{n}", schedulable=True, allocatable=q("64Gi"))
                for n in range(1, change["nodes"] + 1)
            )
        capacity = self.live.capacity
        if change["capacity"]:
            taken = {"small": q("62Gi"), "large": q("1Gi")}[change["capacity"]].n_bytes
            uses = {f"node0{n}": NodeUse(requested=ResourceUse(memory=taken)) for n in range(1, 4)}
            capacity = Capacity(observed_at=self.now, nodes=uses)
        self.live = replace(
            self.live,
            observed_at=self.now,
            vms=vms,
            vmis=vmis,
            migrations=migrations,
            kubevirt=kubevirt,
            nodes=nodes,
            capacity=capacity,
        )


@given(st.lists(live_states(), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_incrementally_updated_plan_equals_a_newly_computed_plan_after_each_change(changes):
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    decide(story.desired, story.live, policy, story.now, planner)
    for change in changes:
        story.step(change)
        arguments = story.desired, story.live, policy, story.now
        assert decide(*arguments, planner) == decide(*arguments)


def test_planner_decides_again_only_about_vms_that_have_changed():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    decide(story.desired, story.live, policy, story.now, planner)
    assert planner.decided == len(REFS)
    decide(story.desired, story.live, policy, story.now, planner)
    quiet = planner.decided
    vms = {**story.live.vms, REFS[0]: make_vm(REFS[0], "2Gi")}
    live = replace(story.live, vms=vms)
    decide(story.desired, live, policy, story.now, planner)
    assert planner.decided <= quiet + 1
    decide(
        story.desired, replace(live, kubevirt=make_kubevirt("v1.8.0")), policy, story.now, planner
    )
    assert planner.decided == len(REFS)


def quiet() -> dict:
    """Return a step that changes neither Git nor the cluster."""
    nothing = {name: {} for name in ("sizes", "spec", "guest")}
    unchanged = dict.fromkeys(("methods", "max_guest", "nodes", "capacity"))
    moving = dict.fromkeys(("silent", "flying", "migrating", "gone"), frozenset())
    return {**nothing, **unchanged, **moving, "later_s": 0}


def test_plan_shows_a_memory_size_in_its_new_notation_if_only_the_notation_changes():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    for size in ("2Gi", "2048Mi"):
        story.desired = make_desired(want(size, REFS[0]))
        plan = decide(story.desired, story.live, policy, story.now, planner)
        (change,) = next(each for each in plan.decisions if each.ref == REFS[0]).changes
        assert str(change.after) == size


def test_plan_message_shows_max_guest_in_its_new_notation_if_only_the_notation_changes():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    vmis = {ref: replace(each, max_guest=None) for ref, each in story.live.vmis.items()}
    story.live = replace(story.live, vmis=vmis)
    for size in ("512Mi", "524288Ki"):
        kubevirt = with_settings(story.live.kubevirt, maxGuest=q(size))
        story.live = replace(story.live, kubevirt=kubevirt)
        arguments = story.desired, story.live, policy, story.now
        plan, afresh = decide(*arguments, planner), decide(*arguments)
        messages = [each.why.message for each in plan.decisions]
        assert messages == [each.why.message for each in afresh.decisions]
        assert size in messages[0]


def test_vm_is_blocked_while_its_manifest_in_git_has_an_error():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    unnamed = DesiredVM(ref=REFS[0], guest=None)
    story.desired = replace(story.desired, vms={**story.desired.vms, REFS[0]: unnamed})
    message = f"{dotted(GUEST_MEMORY)} is odd"
    error = Diagnostic(severity=Severity.ERROR, code="odd", message=message, ref=REFS[0])
    reasons = []
    for found in ((), (error,), ()):
        story.desired = replace(story.desired, diagnostics=found)
        plan = decide(story.desired, story.live, policy, story.now, planner)
        reasons.append(plan.decisions[0].reason)
    assert reasons == [Reason.NOTHING_NAMED, Reason.INVALID_MANIFEST, Reason.NOTHING_NAMED]


def test_plan_shows_the_new_line_number_of_a_value_that_has_moved_within_its_file():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    for line in (7, 9):
        place = Location(path="vms.yaml", line=line, column=1)
        story.desired = replace(story.desired, provenance={REFS[0]: {GUEST_MEMORY: place}})
        plan = decide(story.desired, story.live, policy, story.now, planner)
        decision = next(each for each in plan.decisions if each.ref == REFS[0])
        assert decision.at == decision.changes[0].at == place


def test_planner_decides_again_about_vms_when_node_or_quota_capacity_changes():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    story.step(quiet() | {"nodes": 3, "capacity": "large"})
    effects, decided = [], []
    for capacity in ("large", None, "small", None):
        story.step(quiet() | {"capacity": capacity})
        plan = decide(story.desired, story.live, policy, story.now, planner)
        effects.append(next(each.effect for each in plan.decisions if each.ref == REFS[0]))
        decided.append(planner.decided)
    assert effects == [Effect.LIVE, Effect.LIVE, Effect.BLOCKED, Effect.BLOCKED]
    assert decided == [6, 0, 6, 0]


def test_plan_omits_vms_that_were_removed_from_git():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    decide(story.desired, story.live, policy, story.now, planner)
    fewer = make_desired(want("2Gi", REFS[0]))
    plan = decide(fewer, story.live, policy, story.now, planner)
    assert [each.ref for each in plan.decisions] == [REFS[0]]
    assert plan == decide(fewer, story.live, policy, story.now)


def test_vm_is_blocked_if_its_guest_does_not_use_the_new_memory_within_the_timeout():
    story, planner, policy = Steps(), Planner(), PlanPolicy()
    story.step(quiet() | {"silent": {REFS[0]}})
    reasons = []
    for later_s in (0, 400):
        story.step(quiet() | {"later_s": later_s})
        plan = decide(story.desired, story.live, policy, story.now, planner)
        reasons.append(next(each.reason for each in plan.decisions if each.ref == REFS[0]))
    assert reasons == [Reason.GUEST_ACCEPTING, Reason.GUEST_SILENT]
