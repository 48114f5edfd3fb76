"""Compares the planner with matrix.yaml for each KubeVirt version in which a rule changes."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from support.builders import (
    VM,
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
    with_settings,
)

from reconciler.model.fields import KUBEVIRT_FIELDS, FieldType, NameSet
from reconciler.model.live.live_state import Constraints, LiveInstancetype
from reconciler.model.references import INSTANCETYPE, Uid, instancetype_ref

TABLE = yaml.load(
    Path(__file__).with_name("matrix.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
VERSIONS, UNKNOWN, ROWS = TABLE["versions"], TABLE["unknown"], TABLE["rows"]
BY_NAME = {each.path[-1]: each for each in KUBEVIRT_FIELDS}
QUANTITIES = {"guest", "max_guest", "guest_at_boot", "requests", "limits"}


def typed(name, value):
    if isinstance(value, list):
        return NameSet.of(tuple(value))
    is_size = name in QUANTITIES or (name in BY_NAME and BY_NAME[name].type is FieldType.QUANTITY)
    return q(value) if is_size and value is not None else value


def typed_all(found):
    return {name: typed(name, value) for name, value in found.items()}


def cluster(row, version):
    strategy = {} if version.startswith("v1.1.") else {"vmRolloutStrategy": "LiveUpdate"}
    settings = {"featureGates": ["VMLiveUpdateFeatures"], **strategy, **row.get("cr", {})}
    disabled = frozenset(settings.pop("disabled", ()))
    phase = settings.pop("phase", "Deployed")
    kubevirt = make_kubevirt(version, disabled_gates=disabled, phase=phase)
    types = row.get("types", {})
    return make_live(
        vm_of(row),
        vmis=() if row.get("stopped") else (vmi_of(row),),
        migrations=tuple(
            make_migration(phase=phase, name=f"m-{number}")
            for number, phase in enumerate(row.get("updates", ()))
        ),
        kubevirt=with_settings(kubevirt, **typed_all(settings)),
        instancetypes={each.ref: each for each in map(type_of, types, types.values())},
        instancetype_kinds=frozenset({INSTANCETYPE}),
    )


def vm_of(row):
    more = {"live_update_memory": True, "constraints": constraints_of(row), **row.get("vm", {})}
    if "types" in row:
        revision = "held-uid-small-1"
        named = {"instancetype": "small", "instancetype_kind": INSTANCETYPE, "revision": revision}
        more = {"guest": None, "memory_present": False, **named, **more}
    vm = make_vm(**{"guest": "1Gi", **more})
    if "max_guest" in more:
        vm = replace(vm, max_guest=q(more["max_guest"]))
    if "restart_required" in row:
        required = condition("True", message=row["restart_required"])
        vm = replace(vm, conditions={**vm.conditions, "RestartRequired": required})
    return vm


def vmi_of(row):
    found = dict(row.get("vmi", {}))
    stated = found.pop("conditions", {})
    now = found.pop("guest_now", None)
    boot = found.pop("guest_at_boot", None)
    vmi = make_vmi(**found, constraints=constraints_of(row))
    conditions = {**vmi.conditions, **{name: condition(s) for name, s in stated.items() if s}}
    for name in (name for name, status in stated.items() if status is None):
        del conditions[name]
    return replace(
        vmi,
        conditions=conditions,
        guest=q(now) if now else vmi.guest,
        guest_at_boot=q(boot) if boot else vmi.guest_at_boot,
    )


def constraints_of(row):
    return Constraints(**typed_all(row.get("constraints", {})))


def type_of(name, guest):
    ref = instancetype_ref(INSTANCETYPE, VM.namespace, name)
    return LiveInstancetype(ref=ref, uid=Uid(f"uid-{name}"), generation=1, guest=q(guest), cpus=1)


def desired(row):
    size = None if "types" in row else row.get("wants", "2Gi")
    vm = want(None, instancetype="large") if size is None else replace(want(None), guest=q(size))
    settings = {BY_NAME[name].path: typed(name, v) for name, v in row.get("git", {}).items()}
    return make_desired(vm, kubevirt=settings or None)


def planned(row, version):
    """Make a plan for the cluster state that a table row describes.

    Returns the plan and the decision about the row's object.
    """
    plan = plan_of(desired(row), cluster(row, version))
    about_vm = "git" not in row or row.get("of") == "vm"
    kind = "VirtualMachine" if about_vm else "KubeVirt"
    (decision,) = [each for each in plan.decisions if each.ref.kind == kind]
    return plan, decision


def at(cells, version):
    """Return the table cell for a KubeVirt version, or None before the first version."""
    until = VERSIONS[: VERSIONS.index(version) + 1]
    return next((cells[each] for each in reversed(until) if each in cells), None)


def by_row(column="expected"):
    """Parametrize a test with each table row and its cells for all KubeVirt versions."""
    cells = (
        (row, {v: cell for v in VERSIONS if (cell := at(row.get(column, {}), v)) is not None})
        for row in ROWS
    )
    found = [pytest.param(row, each, id=row["situation"]) for row, each in cells if each]
    return pytest.mark.parametrize(("row", "expected"), found)


def shown(decision):
    return f"{decision.effect} {decision.reason}"


@by_row()
def test_planned_effect_matches_the_expected_effect_for_each_kubevirt_version(row, expected):
    plans = {version: planned(row, version) for version in expected}
    assert {version: shown(decision) for version, (_, decision) in plans.items()} == expected
    for plan, _ in plans.values():
        assert "unknown-kubevirt-version" not in {each.code for each in plan.diagnostics}


@by_row("says")
def test_planned_message_matches_the_expected_message_for_each_kubevirt_version(row, expected):
    for version, words in expected.items():
        assert words in planned(row, version)[1].why.message, version


@by_row("writes")
def test_planned_patch_matches_the_expected_patch_for_each_kubevirt_version(row, expected):
    for version, written in expected.items():
        (action,) = planned(row, version)[1].actions
        assert {op.path: op.value for op in action.patch if op.op != "test"} == written, version


@by_row()
def test_planner_treats_an_unknown_kubevirt_version_as_the_newest_and_adds_a_note(row, expected):
    for version in UNKNOWN:
        plan, decision = planned(row, version)
        assert shown(decision) == expected[VERSIONS[-1]], version
        (note,) = [each for each in plan.diagnostics if each.code == "unknown-kubevirt-version"]
        assert (version or "without a version") in note.message
        assert "the plan assumes the behaviour of v1.9" in note.message


# v1.6.4 has what v1.7.0 lacks: a later release of an earlier line is not a later version.
@pytest.mark.parametrize(
    ("version", "like"),
    [
        ("v1.6.9", "v1.6.4"),
        ("v1.9.3", "v1.9.0"),
        ("1.6.3", "v1.6.3"),
        ("v1.4.0-rc.1", "v1.4.0"),
        ("v1.8.0-17-g1f2e3d4", "v1.8.0"),
    ],
)
def test_planner_treats_a_later_kubevirt_patch_release_like_its_minor_version(version, like):
    expected = {row["situation"]: at(row["expected"], like) for row in ROWS}
    found = {
        row["situation"]: shown(planned(row, version)[1])
        for row in ROWS
        if expected[row["situation"]] is not None
    }
    assert found == {name: cell for name, cell in expected.items() if cell is not None}


in_order = partial(map, VERSIONS.index)


@pytest.mark.parametrize("row", [pytest.param(each, id=each["situation"]) for each in ROWS])
def test_kubevirt_version_table_row_cites_a_source_and_lists_only_versions_with_changed_results(
    row,
):
    assert row["source"]
    for column in ("expected", "says", "writes"):
        cells = row.get(column, {})
        assert list(in_order(cells)) == sorted(in_order(cells))
        answers = list(cells.values())
        assert all(one != two for one, two in pairwise(answers))


def test_rows_of_the_kubevirt_version_table_have_unique_names():
    names = [each["situation"] for each in ROWS]
    assert len(names) == len(set(names))


def test_module_that_checks_the_kubevirt_version_table_does_not_import_the_planner():
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    imported = {each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    assert not [each for each in imported if each and each.startswith("reconciler.plan")]
