"""Tests that the plan does not change suspended VMs or VMs in a pool."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import condition, make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.model.desired.config import RestartConsent


def decided(size, *, running=True, **plan):
    vm = make_vm(pool="web")
    live = make_live(vm, vmis=(make_vmi(),) if running else ())
    (decision,) = plan_of(make_desired(want(size)), live, **plan).decisions
    return decision


# recorded v1.9.0 pool-vm-patched: the VM's own patch goes live; then the pool overwrites it.
@pytest.mark.parametrize("running", [True, False])
def test_hint_about_a_blocked_change_of_a_vm_in_a_pool_contains_the_pool_name(running):
    decision = decided("2Gi", running=running, restart=RestartConsent.STAGE)
    assert (decision.effect, decision.reason) == ("blocked", "owned-by-pool")
    assert "VirtualMachinePool db/web" in decision.why.hint
    assert decision.actions == ()


@pytest.mark.parametrize("running", [True, False])
def test_vm_that_another_controller_created_is_not_changed(running):
    vm = make_vm(controller="KubevirtMachine/worker-0")
    live = make_live(vm, vmis=(make_vmi(),) if running else ())
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert (decision.effect, decision.reason) == ("blocked", "owned-by-controller")
    assert "the KubevirtMachine worker-0 controls the VM" in decision.why.message
    (same,) = plan_of(make_desired(want("1Gi")), live).decisions
    assert same.effect == "none"


def test_vm_in_a_pool_is_up_to_date_if_it_has_the_desired_size():
    assert decided("1Gi").reason == "converged"


@pytest.mark.parametrize("where", ["Git", "the cluster"])
def test_plan_contains_no_change_to_a_suspended_vm(where):
    on_cluster = where == "the cluster"
    live = make_live(make_vm(suspended=on_cluster), vmis=(make_vmi(),))
    desired = make_desired(replace(want("2Gi"), suspended=not on_cluster))
    (decision,) = plan_of(desired, live, restart=RestartConsent.STAGE).decisions
    assert (decision.effect, decision.reason, decision.actions) == ("none", "suspended", ())


@pytest.mark.parametrize(
    ("on_vm", "on_vmi", "expected"),
    [
        # The size is written and waits for a restart, which is suspended.
        ({"RestartRequired": condition("True", "x", "memory")}, {}, ("none", "suspended")),
        # A change in progress continues, because KubeVirt does not stop it.
        ({}, {"HotMemoryChange": condition("True")}, ("wait", "in-flight")),
    ],
    ids=["restart-pending", "in-flight"],
)
def test_plan_shows_a_change_in_progress_of_a_suspended_vm_but_no_pending_restart(
    on_vm, on_vmi, expected
):
    vm = make_vm(guest="2Gi", suspended=True, conditions=on_vm)
    vmi = make_vmi(conditions={"LiveMigratable": condition("True"), **on_vmi})
    desired, live = make_desired(want("2Gi")), make_live(vm, vmis=(vmi,))
    (decision,) = plan_of(desired, live, restart=RestartConsent.STAGE).decisions
    assert (decision.effect, decision.reason, decision.actions) == (*expected, ())
