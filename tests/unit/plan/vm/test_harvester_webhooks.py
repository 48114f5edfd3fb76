"""Tests which changes of VMs in a Harvester cluster are blocked before they are written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
    with_settings,
)
from support.owners.builders import make_harvester

from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import Constraints


def decided(size, *, running=True, phase="Running", harvester=True, limit=None, **vm):
    live = make_vm(constraints=Constraints(limits=q(limit) if limit else None), **vm)
    state = make_harvester({("value",): "4"})
    if not harvester:
        state = replace(state, api_groups=frozenset({"kubevirt.io"}))
    vmis = {live.ref: make_vmi(phase=phase)} if running else {}
    state = replace(state, vms={live.ref: live}, vmis=vmis)
    (decision,) = plan_of(make_desired(want(size)), state).decisions
    return decision.effect.value, decision.reason.value, decision.why


# harvester v1.6 mutator.go: guest = limits.memory - reserved memory (100Mi without an annotation)
@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(
    ("limit", "reserved", "left", "needed"),
    [("1124Mi", None, "1Gi", "2148Mi"), ("2Gi", "256Mi", "1792Mi", "2304Mi")],
)
def test_memory_size_that_harvesters_webhook_would_overwrite_is_blocked(
    running, limit, reserved, left, needed
):
    kept = q(reserved) if reserved else None
    effect, reason, why = decided("2Gi", running=running, limit=limit, harvester_reserved=kept)
    assert (effect, reason) == ("blocked", "harvester-rewrites-memory")
    assert f"it sets memory.guest to {left}" in why.message
    assert f"set limits.memory to {needed}" in why.hint


@pytest.mark.parametrize(
    "vm",
    [
        {"limit": None},
        {"limit": "1124Mi", "harvester": False, "running": False},
        {"limit": "4196Mi", "harvester_hotplug": True, "running": False},
        # The webhook computes the same size as Git: 2148Mi - 100Mi.
        {"limit": "2148Mi", "running": False},
    ],
)
def test_memory_size_that_harvesters_webhook_would_keep_is_not_blocked(vm):
    effect, reason, _ = decided("2Gi", **vm)
    assert effect in {"live", "cold"}, reason


@pytest.mark.parametrize(
    ("guest", "maximum", "size", "words"),
    [
        ("2Gi", None, "1Gi", "Harvester denies a smaller memory size for a running VM"),
        ("1Gi", "4Gi", "8Gi", "above the VM's maximum memory of 4Gi"),
    ],
)
def test_memory_size_that_harvesters_webhook_denies_for_a_running_vm_is_blocked(
    guest, maximum, size, words
):
    vm = {"guest": guest, "max_guest": q(maximum) if maximum else None}
    effect, reason, why = decided(size, harvester_hotplug=True, **vm)
    assert (effect, reason) == ("blocked", "denied-by-admission")
    assert words in why.message


@pytest.mark.parametrize("vmi", [{"running": False}, {"phase": "Succeeded"}, {"phase": "Failed"}])
def test_memory_of_a_stopped_vm_in_harvester_can_be_reduced(vmi):
    assert decided("1Gi", harvester_hotplug=True, guest="2Gi", **vmi)[0] == "cold"


@pytest.mark.parametrize(
    ("harvester", "methods", "told"),
    [(True, (), True), (True, ("Evict",), False), (False, (), False)],
)
def test_hint_says_that_a_harvester_upgrade_might_cause_empty_workload_update_methods(
    harvester, methods, told
):
    # harvester PR 10386: the upgrade sets an empty list.
    state = make_harvester({("value",): "4"})
    if not harvester:
        state = replace(state, api_groups=frozenset({"kubevirt.io"}))
    kubevirt = with_settings(state.kubevirt, workloadUpdateMethods=NameSet.of(methods))
    vm = make_vm()
    state = replace(state, kubevirt=kubevirt, vms={vm.ref: vm}, vmis={vm.ref: make_vmi()})
    (decision,) = plan_of(make_desired(want("2Gi")), state).decisions
    assert decision.effect.value == "blocked"
    assert ("harvesterhci.io/kubevirt-workload-update-methods" in decision.why.hint) is told
    assert "add LiveMigrate to workloadUpdateMethods" in decision.why.hint


HOTPLUG = {"harvesterhci.io/enableCPUAndMemoryHotplug": "true"}


@pytest.mark.parametrize(
    ("limit", "annotations", "harvester", "left"),
    [
        ("2Gi", {}, True, "1948Mi"),
        ("2Gi", {"harvesterhci.io/reservedMemory": "256Mi"}, True, "1792Mi"),
        ("2148Mi", {}, True, ""),
        ("2Gi", HOTPLUG, True, ""),
        ("2Gi", {}, False, ""),
        (None, {}, True, ""),
        ("much", {}, True, ""),
    ],
)
def test_vm_whose_memory_size_harvesters_webhook_would_overwrite_is_not_created(
    limit, annotations, harvester, left
):
    resources = {"limits": {"memory": limit}} if limit else {}
    domain = {"memory": {"guest": "2Gi"}, "resources": resources}
    manifest = {
        "metadata": {"annotations": annotations},
        "spec": {"template": {"spec": {"domain": domain}}},
    }
    state = make_harvester({("value",): "4"}) if harvester else make_live()
    desired = make_desired(want("2Gi", manifest=manifest))
    (decision,) = plan_of(desired, state, create=True).decisions
    if not left:
        assert (decision.effect.value, decision.reason.value) == ("create", "new")
        return
    assert (decision.effect.value, decision.actions) == ("blocked", ())
    assert f"it sets memory.guest to {left}" in decision.why.message
    assert "in the manifest, add the annotation" in decision.why.hint
