"""Tests the warning about VM fields in Git that this program does not write."""

from __future__ import annotations

import pytest
from support.builders import make_desired, make_live, make_vm, make_vmi, plan_of, q, want

from reconciler.model.live.live_state import Constraints


def warnings(domain, guest="2Gi", *, running=True, **vm):
    spec = {"runStrategy": "Always", "template": {"spec": {"domain": domain}}}
    desired = make_desired(want(guest, manifest={"kind": "VirtualMachine", "spec": spec}))
    live = make_live(make_vm(**vm), vmis=(make_vmi(),) if running else ())
    (decision,) = plan_of(desired, live).decisions
    return " / ".join(decision.warnings)


@pytest.mark.parametrize(
    ("domain", "vm", "says"),
    [
        ({"cpu": {"cores": 4}}, {"cpu": (1, 2, 1)}, "cpu.cores 4 (cluster: 2)"),
        ({"cpu": {"threads": 2}}, {}, "cpu.threads 2 (cluster: none)"),
        (
            {"resources": {"limits": {"memory": "4Gi"}}},
            {"constraints": Constraints(limits=q("2Gi"))},
            "limits.memory 4Gi (cluster: 2Gi)",
        ),
        ({"memory": {"hugepages": {"pageSize": "2Mi"}}}, {}, "hugepages 2Mi (cluster: none)"),
    ],
)
def test_git_edit_of_a_vm_field_other_than_memory_causes_a_warning(domain, vm, says):
    found = warnings(domain, **vm)
    assert says in found
    assert "the VM would then need a restart" in found


@pytest.mark.parametrize(
    ("domain", "vm"),
    [
        ({"cpu": {"sockets": 4}}, {"cpu": (1, 1, 1)}),
        ({"cpu": {"cores": 2}}, {"cpu": (1, 2, 1)}),
        (
            {"resources": {"requests": {"memory": "1024Mi"}}},
            {"constraints": Constraints(requests=q("1Gi"))},
        ),
        ({}, {"cpu": (1, 2, 1)}),
    ],
)
def test_warning_about_vm_edits_ignores_fields_that_need_no_restart(domain, vm):
    assert warnings(domain, **vm) == ""


def test_edit_of_a_vm_field_without_a_memory_change_causes_no_warning():
    assert warnings({"cpu": {"cores": 4}}, guest="1Gi") == ""


def test_warning_about_a_git_edit_of_a_stopped_vm_does_not_mention_a_restart():
    assert warnings({"cpu": {"cores": 4}}, running=False) == ""
