"""Tests VMs whose guest has not started, and VMs with another edit that needs a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    condition,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
)

from reconciler.model.desired.config import RestartConsent, Window, WindowKind
from reconciler.model.quantity import Duration

NO_NODE = "0/2 nodes are available: 2 Insufficient memory."


def stuck(phase="Scheduling", **more):
    """Return a VM instance with 64Gi of memory that fits on no node."""
    unscheduled = replace(condition("False", message=NO_NODE), reason="Unschedulable")
    conditions = {"Ready": condition("False"), "PodScheduled": unscheduled}
    found = make_vmi(guest="64Gi", max_guest="256Gi", node="", conditions=conditions)
    return replace(found, phase=phase, **more)


def decided(size, *, spec="64Gi", vmi=None, restart=RestartConsent.NEVER, required=None, **policy):
    vm = make_vm(guest=spec)
    if required:
        required = condition("True", message=required)
        vm = replace(vm, conditions={**vm.conditions, "RestartRequired": required})
    live = make_live(vm, vmis=(vmi or stuck(),))
    (decision,) = plan_of(make_desired(want(size)), live, restart=restart, **policy).decisions
    return decision


# recorded v1.9.0 too-big-then-smaller: RestartRequired, and the VM starts after a restart
@pytest.mark.parametrize("phase", ["", "Pending", "Scheduling", "Scheduled"])
@pytest.mark.parametrize("minutes", [1, 60])
def test_memory_reduction_of_a_vm_that_cannot_start_needs_a_restart(phase, minutes):
    decision = decided("4Gi", vmi=stuck(phase, created_at=NOW - timedelta(minutes=minutes)))
    assert (decision.effect, decision.reason) == ("restart", "not-started")
    assert NO_NODE in decision.why.message
    assert (phase or "not set") in decision.why.message
    assert decision.actions == ()


@pytest.mark.parametrize(
    ("consent", "verbs"),
    [(RestartConsent.STAGE, ["patch"]), (RestartConsent.WINDOW, ["patch", "restart"])],
)
def test_memory_reduction_of_a_vm_that_cannot_start_is_written_if_restarts_are_permitted(
    consent, verbs
):
    windows = (Window(kind=WindowKind.ALLOW, cron="* * * * *", duration=Duration.parse("1m")),)
    decision = decided("4Gi", restart=consent, windows=windows)
    assert [each.verb for each in decision.actions] == verbs


@pytest.mark.parametrize("required", [None, "memory updated in template spec. Memory-hotplug"])
def test_written_memory_reduction_of_a_vm_that_cannot_start_waits_for_a_restart(required):
    decision = decided("4Gi", spec="4Gi", required=required)
    assert (decision.effect, decision.reason) == ("restart", "restart-pending")
    assert NO_NODE in decision.why.message


def test_memory_increase_of_a_starting_vm_waits_until_the_guest_has_started():
    assert decided("128Gi").effect == "wait"


def test_message_about_a_starting_vm_contains_the_schedulers_message():
    decision = decided("64Gi", vmi=stuck(created_at=NOW - timedelta(minutes=60)))
    assert (decision.effect, decision.reason) == ("blocked", "not-starting")
    assert NO_NODE in decision.why.message


# recorded v1.9.0 other-edit-alone
@pytest.mark.parametrize(
    "message",
    [
        "a non-live-updatable field was changed in the template spec",
        "Reduction of CPU socket count requires a restart",
    ],
)
def test_vm_whose_guest_has_the_desired_size_is_up_to_date_despite_a_pending_edit(
    message,
):
    decision = decided("1Gi", spec="1Gi", vmi=make_vmi(), required=message)
    assert (decision.effect, decision.reason) == ("none", "converged")
    assert any(message in each for each in decision.warnings)


def test_vm_with_a_pending_edit_needs_a_restart_before_its_memory_can_change():
    edit = "a non-live-updatable field was changed in the template spec"
    decision = decided("2Gi", spec="2Gi", vmi=make_vmi(), required=edit)
    assert (decision.effect, decision.reason) == ("restart", "other-edit-pending")


@pytest.mark.parametrize("running", [True, False])
def test_stopped_vm_needs_no_restart_if_its_max_guest_differs_from_git(running):
    vm = make_vm(guest="2Gi", max_guest=q("4Gi"))
    live = make_live(vm, vmis=(make_vmi(guest="2Gi"),) if running else ())
    desired = replace(want("8Gi"), max_guest=q("16Gi"))
    (decision,) = plan_of(make_desired(desired), live).decisions
    assert decision.reason == "denied-above-max-guest"
    (warning,) = decision.warnings
    assert ("restart" in warning, "restart" in decision.why.hint) == (running, running)
    assert "raise maxGuest" not in decision.why.hint
    assert "16Gi" in decision.why.hint
