"""Tests that a malformed or unusual live object is either planned or reported as a problem."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from support.builders import VM, decide, make_desired, make_live, want

from reconciler.cluster.decode import workloads
from reconciler.cluster.decode.kubevirt_cr import kubevirt
from reconciler.model.quantity import MIB
from reconciler.model.references import vm_ref
from reconciler.plan.plan_policy import PlanPolicy

BESIDE = vm_ref("db", "beside")
SOON = datetime(2026, 11, 23, 0, 41, 0, tzinfo=UTC)
"""A time half a minute after the VM instances were created."""
UNREADABLE = ("blocked", "unreadable")
CONVERGED, HOTPLUG = ("none", "converged"), ("live", "hotplug")
MIGRATABLE = {"type": "LiveMigratable", "status": "True"}


def page(kind, *bodies):
    return kind.page(json.dumps({"items": list(bodies)}).encode())


@pytest.fixture
def planned(raw_kubevirt, raw_vm, raw_vmi):
    """Returns a function that makes a plan for an unusual VM and a normal VM."""

    def make(vm=None, vmi=None, cr=None, guest="2Gi"):
        found, _ = kubevirt(json.dumps(cr or raw_kubevirt()).encode())
        vms = page(workloads.VMS, vm or raw_vm(), raw_vm(BESIDE.name))
        vmis = page(workloads.VMIS, vmi or raw_vmi(), raw_vmi(BESIDE.name))
        live = make_live(
            *vms.values,
            vmis=vmis.values,
            kubevirt=found,
            diagnostics=(*vms.diagnostics, *vmis.diagnostics),
        )
        wanted = make_desired(want(guest), want("1Gi", BESIDE))
        return decide(wanted, live, PlanPolicy(), SOON)

    return make


def effects(plan):
    """Return the effect and the reason for the unusual VM, after a check of the normal VM."""
    found = {each.ref: (each.effect.value, each.reason.value) for each in plan.decisions}
    assert found[BESIDE] == CONVERGED
    return found[VM]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"memory": None}, ("wait", "starting"), id="null memory"),
        pytest.param({"memory": {}}, ("wait", "starting"), id="empty memory"),
        pytest.param(
            {"memory": {"guestAtBoot": "1Gi"}}, ("wait", "starting"), id="only guestAtBoot"
        ),
        pytest.param({"memory": {"guestCurrent": "1Gi"}}, HOTPLUG, id="only guestCurrent"),
        pytest.param(
            {"conditions": None}, ("wait", "migratability-unknown"), id="null conditions"
        ),
        pytest.param({"conditions": []}, ("wait", "migratability-unknown"), id="no conditions"),
        pytest.param(
            {"conditions": [MIGRATABLE, {"type": "Levitating", "status": "Perhaps"}]},
            HOTPLUG,
            id="unknown condition type",
        ),
        pytest.param(
            {"conditions": [{"type": "LiveMigratable", "status": "Unknown"}]},
            ("restart", "not-migratable"),
            id="LiveMigratable is Unknown",
        ),
        pytest.param(
            {"conditions": [MIGRATABLE, {"type": "HotMemoryChange", "status": "Perhaps"}]},
            HOTPLUG,
            id="known condition with an unknown status",
        ),
        pytest.param(
            {"conditions": [{**MIGRATABLE, "reason": None, "message": None}]},
            HOTPLUG,
            id="condition with null reason and message",
        ),
        pytest.param({"phase": None}, HOTPLUG, id="null phase"),
        pytest.param({"phase": "Levitating"}, HOTPLUG, id="unknown phase"),
        pytest.param(
            {"nodeName": None, "guestOSInfo": None}, HOTPLUG, id="no node and no guest OS"
        ),
        pytest.param({"migrationState": None}, HOTPLUG, id="null migrationState"),
    ],
)
def test_vmi_with_an_unusual_status_does_not_prevent_a_plan(planned, raw_vmi, change, expected):
    plan = planned(vmi=raw_vmi(**change))
    assert effects(plan) == expected
    assert plan.diagnostics == ()


@pytest.mark.parametrize("status", [None, {}, "absent"])
def test_vmi_without_a_status_counts_as_starting(planned, raw_vmi, status):
    body = {**raw_vmi(), "status": status}
    if status == "absent":
        del body["status"]
    plan = planned(vmi=body)
    assert effects(plan) == ("wait", "starting")
    assert plan.diagnostics == ()


@pytest.mark.parametrize(
    "status", [None, {}, {"conditions": None}, {"conditions": [{"type": "X", "status": "Y"}]}]
)
def test_vm_without_a_known_status_is_planned_from_its_vmi(planned, raw_vm, status):
    assert effects(planned(vm=raw_vm(status=status))) == HOTPLUG


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("spec", "template", "spec", "domain", "memory"), HOTPLUG),
        (("spec", "template", "spec", "domain", "resources"), HOTPLUG),
        (("spec", "template", "spec", "domain", "cpu"), HOTPLUG),
        (("spec", "instancetype"), HOTPLUG),
        (("metadata", "labels"), HOTPLUG),
        (("metadata", "annotations"), HOTPLUG),
        (("metadata", "managedFields"), HOTPLUG),
    ],
)
def test_null_field_of_a_vm_counts_as_absent(planned, raw_vm, path, expected):
    body = raw_vm()
    part = body
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = None
    assert effects(planned(vm=body)) == expected


@pytest.mark.parametrize("status", [None, {}, "absent"])
def test_kubevirt_cr_without_a_status_counts_as_not_ready_with_an_unknown_version(
    planned, raw_kubevirt, status
):
    body = {**raw_kubevirt(), "status": status}
    if status == "absent":
        del body["status"]
    plan = planned(cr=body)
    assert effects(plan) == ("wait", "kubevirt-not-settled")
    (note,) = plan.diagnostics
    assert note.code == "unknown-kubevirt-version"


@pytest.mark.parametrize(
    "spec",
    [
        {"configuration": None, "workloadUpdateStrategy": None},
        {"configuration": {}, "workloadUpdateStrategy": {}},
        {
            "configuration": {
                "developerConfiguration": None,
                "vmRolloutStrategy": None,
                "liveUpdateConfiguration": None,
                "migrations": None,
            },
            "workloadUpdateStrategy": {"workloadUpdateMethods": None},
        },
    ],
)
def test_null_fields_of_a_kubevirt_cr_have_their_default_values(planned, raw_kubevirt, spec):
    # v1.9.0: LiveUpdate by default (virt-config.go:514-517), no update methods (types.go:2515)
    plan = planned(cr=raw_kubevirt(**spec))
    assert effects(plan) == ("blocked", "no-live-migrate")
    assert plan.diagnostics == ()


# Every notation that apimachinery v0.33 pkg/api/resource/quantity.go accepts.
ONE_GIB = [
    "1Gi",
    "1024Mi",
    "1048576Ki",
    "1.0Gi",
    "1.Gi",
    "+1Gi",
    "01Gi",
    ".0009765625Ti",
    "1073741824",
    1073741824,
    "1073741.824k",
    "1073.741824M",
    "1.073741824G",
    "1.073741824e9",
    "1.073741824E9",
    "1.073741824e+9",
    "1073741824000e-3",
    "1073741824000m",
    "1073741824000000u",
    "1073741824000000000n",
    "1073741823999m",
]


@pytest.mark.parametrize("spelling", ONE_GIB)
def test_memory_sizes_in_different_notations_are_compared_by_value(
    planned, raw_vm, raw_vmi, spelling
):
    sizes = dict.fromkeys(("guestAtBoot", "guestRequested", "guestCurrent"), spelling)
    body = raw_vmi(memory=sizes)
    body["spec"]["domain"]["memory"]["guest"] = spelling
    same = planned(vm=raw_vm(guest=spelling), vmi=body, guest="1Gi")
    assert effects(same) == CONVERGED
    assert effects(planned(vm=raw_vm(guest=spelling), vmi=body)) == HOTPLUG


def test_json_patch_test_operation_has_the_old_memory_size_in_the_notation_of_the_server(
    planned, raw_vm
):
    plan = planned(vm=raw_vm(guest="1.073741824e9"))
    (action,) = [action for each in plan.decisions for action in each.actions]
    assert "1.073741824e9" in [op.value for op in action.patch if op.op == "test"]


@pytest.mark.parametrize(
    ("spelling", "n_bytes"), [("1.5Gi", 1536 * MIB), ("2E", 2 * 10**18), ("4e0Gi", None), (0, 0)]
)
def test_memory_size_that_cannot_be_decoded_exactly_is_reported_as_a_problem(
    raw_vm, spelling, n_bytes
):
    found = page(workloads.VMS, raw_vm(guest=spelling))
    assert [vm.guest.n_bytes for vm in found.values] == ([] if n_bytes is None else [n_bytes])
    assert len(found.diagnostics) == (n_bytes is None)


ILLEGAL = [
    "1GB",
    "1 Gi",
    " 1Gi",
    "1gi",
    "Gi",
    "1e",
    "1_000",
    "0x10",
    "1,5Gi",
    "-1Gi",
    "9E19",
    "NaN",
]


@pytest.mark.parametrize("spelling", [*ILLEGAL, "9" * 30, True, [], {}, -1])
def test_vm_with_an_invalid_memory_size_does_not_prevent_reading_other_vms(
    planned, raw_vm, spelling
):
    plan = planned(vm=raw_vm(guest=spelling))
    assert effects(plan) == UNREADABLE
    (finding,) = plan.diagnostics
    assert finding.ref == VM
    assert "guest" in finding.message
    assert not [action for each in plan.decisions for action in each.actions]


@pytest.mark.parametrize("spelling", [*ILLEGAL, True, [], {}, -1])
@pytest.mark.parametrize("name", ["guestAtBoot", "guestRequested", "guestCurrent"])
def test_vmi_with_an_invalid_memory_size_prevents_changes_of_its_vm(
    planned, raw_vmi, name, spelling
):
    sizes = {"guestAtBoot": "1Gi", "guestRequested": "1Gi", "guestCurrent": "1Gi", name: spelling}
    plan = planned(vmi=raw_vmi(memory=sizes))
    assert effects(plan) == UNREADABLE
    assert not [action for each in plan.decisions for action in each.actions]
    (finding,) = plan.diagnostics
    assert finding.ref == VM
    assert name in finding.message or "object" in finding.message


def test_vmi_with_a_memory_size_of_zero_does_not_prevent_a_plan(planned, raw_vmi):
    zero = dict.fromkeys(("guestAtBoot", "guestRequested", "guestCurrent"), "0")
    assert effects(planned(vmi=raw_vmi(memory=zero)))[0] in {"live", "wait"}
