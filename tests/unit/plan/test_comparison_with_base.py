"""Tests that ``compare`` tells new changes from those already pending in the base commit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    KUBEVIRT,
    decide,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    q,
    want,
    with_settings,
)
from support.builders import NOW as AT
from support.owners.builders import HYPERCONVERGED, OWNED, make_owned, make_owner

from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import GUEST_MEMORY, MAX_HOTPLUG_RATIO, ROLLOUT_STRATEGY
from reconciler.model.plan.comparison import Base, BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.model.references import Location, vm_ref
from reconciler.plan.comparison_with_base import compare
from reconciler.plan.plan_policy import PlanPolicy

REFS = A, B, C = tuple(vm_ref("db", name) for name in "abc")
LIVE = make_live(*map(make_vm, REFS), vmis=tuple(map(make_vmi, REFS)))
BASE = Base(requested="main", revision="0123abc")
NEW, UPDATED, UNCHANGED, ABSENT = BaselineState


def desired(*sizes, **settings):
    vms = [want(size, ref) for ref, size in zip(REFS, sizes, strict=False) if size]
    return make_desired(*vms, **settings)


def compared(before, after, live=LIVE, **policy):
    chosen = PlanPolicy(**policy)
    return compare(
        BASE,
        before=decide(before, live, chosen, AT),
        before_desired=before,
        after=decide(after, live, chosen, AT),
        after_desired=after,
    )


def states(found):
    return [found.state(ref) if ref in found.objects else None for ref in REFS]


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        ("1Gi", "2Gi", NEW),
        ("2Gi", "2Gi", UNCHANGED),
        ("2Gi", "2048Mi", UNCHANGED),
        ("2Gi", "3Gi", UPDATED),
        ("2Gi", "8Gi", UPDATED),
        ("2Gi", "1Gi", ABSENT),
        ("2Gi", None, ABSENT),
        (None, "2Gi", NEW),
        (None, "1Gi", UNCHANGED),
        ("1Gi", None, UNCHANGED),
        ("1Gi", "1Gi", UNCHANGED),
    ],
)
def test_comparison_state_of_a_vm_follows_from_its_sizes_in_the_base_and_planned_commits(
    before, after, state
):
    found = compared(desired("1Gi", before), desired("1Gi", after))
    assert states(found) == [UNCHANGED, state, None]


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        ((), (), UNCHANGED),
        ((), ("beware",), NEW),
        (("beware",), (), ABSENT),
        (("beware",), ("beware",), UNCHANGED),
        (("beware",), ("other",), UPDATED),
    ],
)
def test_plan_comparison_reports_a_changed_warning_about_an_unchanged_object(before, after, state):
    git = desired("1Gi")
    plan = decide(git, LIVE, PlanPolicy(), AT)
    (decision,) = plan.decisions
    plans = [
        replace(plan, decisions=(replace(decision, warnings=each),)) for each in (before, after)
    ]
    found = compare(BASE, before=plans[0], before_desired=git, after=plans[1], after_desired=git)
    assert found.state(A) is state
    assert not any(found.summary().values()), "nothing happens to the object"


def test_kubevirt_cr_edit_that_affects_an_unedited_vm_is_an_indirect_change_of_the_vm():
    live = replace(LIVE, kubevirt=make_kubevirt())
    turned_off = desired("2Gi", "1Gi", kubevirt={ROLLOUT_STRATEGY: "Stage"})
    found = compared(desired("2Gi", "1Gi"), turned_off, live)
    assert found.state(A) is UPDATED
    assert found.objects[A].before.effect is Effect.LIVE
    assert found.objects[A].after.effect is Effect.RESTART
    assert not found.objects[A].edited
    assert found.objects[KUBEVIRT].edited
    assert [each.ref for each in found.indirect] == [A]


def test_new_permission_to_restart_changes_the_planned_effect_on_an_unedited_vm():
    git = desired("8Gi")
    plans = [decide(git, LIVE, PlanPolicy(restart=restart), AT) for restart in ("never", "stage")]
    found = compare(
        BASE,
        before=plans[0],
        before_desired=git,
        after=plans[1],
        after_desired=git,
        config_edited=True,
    )
    assert (found.state(A), found.objects[A].edited) == (UPDATED, False)


def test_plan_comparison_marks_only_fields_with_a_new_value_as_edited():
    found = compared(desired("1Gi", "2Gi"), desired("2Gi", "2048Mi"))
    assert found.objects[A].edited_fields == {GUEST_MEMORY}
    assert not found.objects[B].edited


def test_vm_with_a_changed_label_counts_as_edited_although_its_memory_size_does_not():
    labelled = make_desired(want("2Gi", A, labels={"app": "db"}))
    found = compared(desired("2Gi"), labelled)
    assert (found.objects[A].edited, found.objects[A].edited_fields) == (True, frozenset())
    assert found.state(A) is UNCHANGED


def test_plan_comparison_summary_counts_objects_by_state_and_effect():
    found = compared(desired("2Gi", "2Gi", "2Gi"), desired("2Gi", "8Gi"))
    assert found.summary() == {
        "new": {},
        "updated": {"restart": 1},
        "unchanged": {"live": 1},
        "absent": {"live": 1},
    }
    assert [each.ref for each in found.withdrawn] == [C]
    assert [each.ref for each in found.removed] == [C]


def test_pending_change_that_git_reverts_is_reported_as_withdrawn():
    found = compared(desired("2Gi"), desired("1Gi"))
    assert [each.ref for each in found.withdrawn] == [A]
    assert list(found.removed) == []


def problem(message, *, code="bad", ref=None, line=3, severity=Severity.ERROR, path="a.yaml"):
    at = Location(path=path, line=line, column=1)
    return Diagnostic(severity=severity, code=code, message=message, at=at, ref=ref)


@pytest.mark.parametrize(
    ("before", "after", "expected", "absent"),
    [
        ([], [problem("x")], [NEW], 0),
        ([problem("x")], [problem("x", line=9)], [UNCHANGED], 0),
        ([problem("see a.yaml:3:1")], [problem("see a.yaml:9:1", line=9)], [UNCHANGED], 0),
        ([problem("x")], [problem("y")], [UPDATED], 0),
        ([problem("x")], [problem("x", severity=Severity.NOTE)], [UPDATED], 0),
        ([problem("x")], [], [], 1),
        ([problem("x")], [problem("x"), problem("x", line=9)], [UNCHANGED, NEW], 0),
        ([problem("x"), problem("x", line=9)], [problem("x")], [UNCHANGED], 1),
        ([problem("x")], [problem("x", path="b.yaml")], [NEW], 1),
        ([problem("x", ref=A)], [problem("x", ref=A, path="b.yaml")], [UNCHANGED], 0),
        ([problem("x", ref=A)], [problem("x", ref=B)], [NEW], 1),
    ],
)
def test_plan_comparison_recognises_a_known_diagnostic_at_a_different_line_number(
    before, after, expected, absent
):
    git = desired("1Gi")
    plan = decide(git, LIVE, PlanPolicy(), AT)
    found = compare(
        BASE,
        before=replace(plan, diagnostics=tuple(before)),
        before_desired=git,
        after=replace(plan, diagnostics=tuple(after)),
        after_desired=git,
    )
    assert [found.diagnostic_state(each) for each in after] == expected
    assert len(found.absent_diagnostics) == absent
    assert found.adds_errors is any(
        each.severity is Severity.ERROR and state is not UNCHANGED
        for each, state in zip(after, expected, strict=True)
    )


def test_error_that_also_exists_in_the_base_commit_does_not_count_as_an_edit():
    error = problem("wrong", ref=A)
    old = desired("2Gi", diagnostics=(error,))
    moved = desired("2Gi", diagnostics=(replace(error, at=Location(path="a", line=7, column=1)),))
    found = compared(old, moved)
    assert (found.state(A), found.objects[A].edited) == (UNCHANGED, False)
    assert not found.adds_errors
    fresh = compared(desired("2Gi"), old)
    assert (fresh.state(A), fresh.objects[A].edited) == (UPDATED, True)
    assert fresh.adds_errors


def test_kubevirt_cr_setting_counts_as_edited_only_if_the_planned_commit_changes_it():
    live = replace(LIVE, kubevirt=with_settings(make_kubevirt(), maxGuest=q("4Gi")))
    max_guest = ("spec", "configuration", "liveUpdateConfiguration", "maxGuest")
    old = desired("1Gi", kubevirt={max_guest: q("8Gi")})
    new = desired("1Gi", kubevirt={max_guest: q("8Gi"), ROLLOUT_STRATEGY: "Stage"})
    found = compared(old, new, live)
    marks = {
        each.field: found.edits(KUBEVIRT, each) for each in found.objects[KUBEVIRT].after.changes
    }
    assert marks == {max_guest: False, ROLLOUT_STRATEGY: True}


def test_edit_of_a_hyperconverged_manifest_counts_as_an_edit_of_the_kubevirt_cr():
    def states_with(*ratios):
        for ratio in ratios:
            settings = {MAX_HOTPLUG_RATIO: ratio}
            state = make_desired(kubevirt=settings)
            yield replace(state, kubevirt=DesiredKubeVirt(ref=HYPERCONVERGED, settings=settings))

    live = make_owned(make_owner())
    found = compared(*states_with(4, 8), live=live).objects[OWNED]
    assert found.edited
    assert found.edited_fields == {MAX_HOTPLUG_RATIO}
    assert not compared(*states_with(8, 8), live=live).objects[OWNED].edited
