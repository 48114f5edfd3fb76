"""Tests sizes that were written under the strategy Stage, and edits that need a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    condition,
    effect_of,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
    with_settings,
)

from reconciler.model import fields
from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import Constraints
from reconciler.model.references import vm_ref

OTHER = "a non-live-updatable field was changed in the template spec"
COMES = {fields.ROLLOUT_STRATEGY: "LiveUpdate"}
WAITS = {"RestartRequired": condition("True", "", OTHER)}
LATER = ("wait", "live-at-next-sync")
PENDING = ("restart", "restart-pending")
EDITED = ("restart", "other-edit-pending")
ONE_CORE, TWO_CORES = {"cpu": (1, 1, 1)}, {"cpu": (1, 2, 1)}


def stage(version="v1.9.0"):
    return with_settings(make_kubevirt(version), vmRolloutStrategy="Stage")


def world(spec="2Gi", *, version="v1.9.0", vm=None, vmi=None, kubevirt=None):
    """Return a live state with a running VM with 1Gi whose spec has the size *spec*."""
    return make_live(
        make_vm(guest=spec, **{"conditions": WAITS, **(vm or {})}),
        vmis=(make_vmi(**(vmi or {})),),
        kubevirt=kubevirt or stage(version),
    )


# v1.9.0 vm.go:2989-3061 evaluates RestartRequired again and :3444-3566 checks the size, only at
# the VM's next event (:3577-3599); v1.6.4:2977 and v1.7.1:2987 are the first to do so.
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({}, LATER, id="v1.9"),
        pytest.param({"version": "v1.6.4"}, LATER, id="v1.6.4"),
        pytest.param({"version": "v1.6.3"}, PENDING, id="v1.6.3 keeps RestartRequired"),
        pytest.param({"version": "v1.7.0"}, PENDING, id="v1.7.0 keeps RestartRequired"),
        pytest.param({"spec": "8Gi"}, PENDING, id="above maxGuest"),
        pytest.param({"spec": "512Mi"}, PENDING, id="below the boot size"),
        pytest.param({"vmi": {"max_guest": None}}, PENDING, id="booted under Stage"),
        pytest.param(
            {"vmi": {"conditions": {"LiveMigratable": condition("False")}}},
            PENDING,
            id="not migratable",
        ),
        pytest.param({"vm": TWO_CORES | {"conditions": WAITS}, "vmi": ONE_CORE}, EDITED, id="cpu"),
    ],
)
def test_size_written_under_the_stage_strategy_takes_effect_after_a_switch_to_live_update(
    more, expected
):
    live = world(**more)
    size = more.get("spec", "2Gi")
    assert effect_of(make_desired(want(size), kubevirt=COMES), live) == expected
    assert effect_of(make_desired(want(size)), live)[1] == (
        "other-edit-pending" if expected == EDITED else "restart-pending"
    )


@pytest.mark.parametrize("methods", [(), ("LiveMigrat",)])
def test_size_written_under_the_stage_strategy_is_blocked_without_live_migrate(
    methods,
):
    live = world(kubevirt=with_settings(stage(), workloadUpdateMethods=NameSet.of(methods)))
    desired = make_desired(want("2Gi"), kubevirt=COMES)
    assert effect_of(desired, live) == ("blocked", "no-live-migrate")


def test_size_written_under_the_stage_strategy_takes_effect_when_kubevirt_syncs_the_vm():
    required = replace(condition("True", "", OTHER), since=NOW - timedelta(minutes=5))
    live_update = with_settings(
        make_kubevirt(live_update_changed_at=NOW - timedelta(minutes=1)),
        vmRolloutStrategy="LiveUpdate",
    )
    waiting = {"conditions": {"RestartRequired": required}}
    assert effect_of(make_desired(want("2Gi")), world(vm=waiting, kubevirt=live_update)) == LATER
    looked = {"conditions": {"RestartRequired": replace(required, since=NOW)}}
    assert effect_of(make_desired(want("2Gi")), world(vm=looked, kubevirt=live_update)) == EDITED


def test_plan_message_says_when_a_size_written_under_the_stage_strategy_takes_effect():
    plan = plan_of(make_desired(want("2Gi"), kubevirt=COMES), world())
    kubevirt, vm = plan.decisions
    assert "the VM's spec sets 2Gi and the guest has 1Gi" in vm.why.message
    assert "within 12 h" in vm.why.message
    assert "annotation" in vm.why.hint
    assert vm.actions == ()
    assert kubevirt.warnings == (
        (
            "LiveUpdate takes effect: 1 VM whose size was written earlier changes live when "
            "KubeVirt next syncs the VM, within 12 h (db/pg-0)"
        ),
    )


def test_live_update_warning_counts_vms_outside_git_whose_size_was_written_under_stage():
    refs = [vm_ref("db", name) for name in "ab"]
    live = make_live(
        *(make_vm(ref=ref, guest="2Gi", conditions=WAITS) for ref in refs),
        vmis=tuple(make_vmi(ref=ref) for ref in refs),
        kubevirt=stage(),
    )
    (decision,) = plan_of(make_desired(kubevirt=COMES), live).decisions
    assert (
        "2 VMs whose sizes were written earlier change live when KubeVirt next syncs the VMs"
        in (" ".join(decision.warnings))
    )


# Which edits KubeVirt does not change live: v1.9.0 vm.go:2989-3053.
@pytest.mark.parametrize(
    ("spec", "git", "kubevirt", "vm", "vmi", "expected"),
    [
        pytest.param("1Gi", "3Gi", COMES, TWO_CORES, ONE_CORE, EDITED, id="only cores"),
        pytest.param(
            "1Gi", "3Gi", COMES, {}, {}, EDITED, id="RestartRequired without a memory change"
        ),
        pytest.param("2Gi", "3Gi", COMES, TWO_CORES, ONE_CORE, EDITED, id="cores and memory"),
        pytest.param("2Gi", "1Gi", None, TWO_CORES, ONE_CORE, EDITED, id="reverted under Stage"),
        pytest.param("2Gi", "3Gi", COMES, ONE_CORE, ONE_CORE, ("live", "hotplug"), id="memory"),
        pytest.param(
            "2Gi",
            "1Gi",
            None,
            ONE_CORE,
            ONE_CORE,
            ("live", "back-to-running-value"),
            id="reverted",
        ),
        pytest.param(
            "2Gi", "3Gi", COMES, {"cpu": (2, 1, 1)}, ONE_CORE, ("live", "hotplug"), id="sockets"
        ),
        pytest.param("2Gi", "3Gi", COMES, {"cpu": (1, 1, 2)}, ONE_CORE, EDITED, id="threads"),
        pytest.param("2Gi", "3Gi", COMES, {"max_guest": q("8Gi")}, {}, EDITED, id="maxGuest"),
        pytest.param(
            "2Gi",
            "3Gi",
            COMES,
            {"constraints": Constraints(hugepages="2Mi")},
            {"constraints": Constraints(hugepages="1Gi")},
            EDITED,
            id="huge pages",
        ),
    ],
)
def test_edit_of_a_field_other_than_memory_prevents_a_size_written_under_stage_from_going_live(
    spec, git, kubevirt, vm, vmi, expected
):
    live = world(spec, vm=vm, vmi=vmi)
    assert effect_of(make_desired(want(git), kubevirt=kubevirt), live) == expected


@pytest.mark.parametrize(("git", "kubevirt"), [("3Gi", COMES), ("1Gi", None)])
def test_restart_required_condition_without_a_known_cause_causes_a_warning(git, kubevirt):
    plan = plan_of(make_desired(want(git), kubevirt=kubevirt), world())
    assert any(
        "if an edit to another field is also pending" in w for w in plan.decisions[-1].warnings
    )
    free = plan_of(make_desired(want(git), kubevirt=kubevirt), world(vm={"conditions": {}}))
    assert not any("edit to another field" in w for w in free.decisions[-1].warnings)


def test_message_about_a_pending_restart_lists_the_edits_that_wait_for_it():
    live = world(vm=TWO_CORES, vmi=ONE_CORE)
    decision = plan_of(make_desired(want("3Gi"), kubevirt=COMES), live).decisions[-1]
    assert "(cpu.cores 1 -> 2)" in decision.why.message


# v1.9.0 vm.go:2989-3061 compares with the revision of the start, which has that size too: nothing
# requires a restart, and :3351 does not change the instance.
@pytest.mark.parametrize(
    ("kubevirt", "expected"),
    [(stage(), PENDING), (make_kubevirt(), ("wait", "in-flight"))],
)
def test_change_of_a_hotplugged_guest_back_to_the_boot_size_under_stage_needs_a_restart(
    kubevirt, expected
):
    plugged = replace(make_vmi(guest="2Gi"), guest_at_boot=q("1Gi"))
    live = make_live(make_vm(guest="1Gi"), vmis=(plugged,), kubevirt=kubevirt)
    (decision,) = plan_of(make_desired(want("1Gi")), live).decisions
    assert (decision.effect.value, decision.reason.value) == expected
    assert ("and KubeVirt does not request one" in decision.why.message) is (expected == PENDING)
    before = make_live(make_vm(guest="2Gi"), vmis=(plugged,), kubevirt=stage())
    assert effect_of(make_desired(want("1Gi")), before) == ("restart", "strategy-stage")
