"""The text of a plan shows an unchanged object only if the object has a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import condition, make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.report.plan_text import plan_text

EDIT = "a non-live-updatable field was changed in the template spec"


@pytest.mark.parametrize("edited", [True, False])
def test_plan_text_shows_an_unchanged_vm_only_if_the_vm_has_a_warning(edited):
    vm = make_vm()
    if edited:
        required = condition("True", message=EDIT)
        vm = replace(vm, conditions={**vm.conditions, "RestartRequired": required})
    text = plan_text(plan_of(make_desired(want("1Gi")), make_live(vm, vmis=(make_vmi(),))))
    shown = text if isinstance(text, str) else "".join(text)
    assert ("another edit to the VM waits for a restart" in shown) is edited
    assert (vm.ref.name in shown) is edited
