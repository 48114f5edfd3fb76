"""Tests the planned effect on a VM against recordings of clusters and KubeVirt's code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    VM,
    condition,
    effect_of,
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

from reconciler.model.desired.config import RestartConsent
from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import Constraints, LiveNode

MIGRATABLE = condition("True")
ABOVE = "memory hotplug not supported, Guest memory is greater than the configured maxGuest memory"
OTHER = "a non-live-updatable field was changed in the template spec"


def live(vm=None, vmi=None, kubevirt=None, migrations=(), **overrides):
    return make_live(
        vm or make_vm(),
        vmis=(vmi or make_vmi(),),
        kubevirt=kubevirt,
        migrations=migrations,
        **overrides,
    )


def changing(guest: str = "2Gi", **overrides):
    """Return a VM instance whose change to the memory size *guest* is in progress."""
    conditions = {"LiveMigratable": MIGRATABLE, "HotMemoryChange": condition("True")}
    return replace(make_vmi(conditions=conditions), guest=q(guest), **overrides)


def plugged(guest: str, current: str, ended_s_ago: float):
    return replace(
        make_vmi(),
        guest=q(guest),
        guest_requested=q(guest),
        guest_current=q(current),
        migration_ended_at=NOW - timedelta(seconds=ended_s_ago),
    )


CHANGES = [
    pytest.param(live(), "2Gi", ("live", "hotplug"), id="grow within maxGuest (hotplug-succeeds)"),
    pytest.param(live(), "4Gi", ("live", "hotplug"), id="grow to exactly maxGuest"),
    pytest.param(
        live(vmi=replace(make_vmi(guest="2Gi"), guest_at_boot=q("1Gi")), vm=make_vm(guest="2Gi")),
        "1Gi",
        ("live", "hotunplug"),
        id="shrink to the size it booted with",
    ),
    pytest.param(live(), "5Gi", ("restart", "above-max-guest"), id="above-max-guest"),
    pytest.param(live(), "1500001Ki", ("restart", "misaligned"), id="misaligned"),
    pytest.param(live(), "2G", ("restart", "misaligned"), id="a decimal size is not aligned"),
    pytest.param(
        live(vm=make_vm(guest="2Gi"), vmi=make_vmi(guest="2Gi")),
        "1Gi",
        ("restart", "below-boot-memory"),
        id="shrink-below-boot",
    ),
    pytest.param(
        live(
            vmi=make_vmi(
                conditions={"LiveMigratable": condition("False", "DisksNotLiveMigratable")}
            )
        ),
        "2Gi",
        ("restart", "not-migratable"),
        id="not-migratable",
    ),
    pytest.param(
        live(vmi=make_vmi(conditions={})),
        "2Gi",
        ("wait", "migratability-unknown"),
        id="just started: migratability not yet known",
    ),
    pytest.param(
        live(vmi=make_vmi(max_guest=None)),
        "2Gi",
        ("restart", "booted-before-live-update"),
        id="stage-then-live-update, second patch",
    ),
    pytest.param(
        live(vm=make_vm(guest="512Mi"), vmi=make_vmi(guest="512Mi", max_guest=None)),
        "2Gi",
        ("restart", "below-minimum"),
        id="booted with less than 1Gi",
    ),
    pytest.param(
        live(vmi=make_vmi(max_guest=None, constraints=Constraints(architecture="arm64"))),
        "2Gi",
        ("restart", "unsupported-architecture"),
        id="arm64",
    ),
    pytest.param(
        live(vmi=make_vmi(max_guest=None, constraints=Constraints(launch_security=True))),
        "2Gi",
        ("restart", "unsupported-configuration"),
        id="encrypted VM",
    ),
    pytest.param(
        live(
            vmi=make_vmi(guest="8Gi", max_guest=None),
            vm=make_vm(guest="8Gi"),
            kubevirt=with_settings(make_kubevirt(), maxGuest=q("4Gi")),
        ),
        "10Gi",
        ("restart", "no-max-guest"),
        id="cluster maxGuest below the boot size",
    ),
    pytest.param(
        live(kubevirt=with_settings(make_kubevirt(), vmRolloutStrategy="Stage")),
        "2Gi",
        ("restart", "strategy-stage"),
        id="stage-then-live-update, first patch",
    ),
    pytest.param(
        live(kubevirt=with_settings(make_kubevirt("v1.3.1"), vmRolloutStrategy="LiveUpdate")),
        "2Gi",
        ("restart", "gate-missing"),
        id="gate-missing on v1.3.1",
    ),
    pytest.param(
        live(kubevirt=make_kubevirt("v1.5.2")),
        "2Gi",
        ("restart", "strategy-stage"),
        id="v1.5 defaults to Stage",
    ),
    pytest.param(
        live(vm=make_vm(max_guest=q("2Gi")), vmi=make_vmi(max_guest="2Gi")),
        "3Gi",
        ("blocked", "denied-above-max-guest"),
        id="above-explicit-max-guest",
    ),
    pytest.param(
        live(vm=make_vm(max_guest=q("4Gi"))),
        "1500001Ki",
        ("blocked", "denied-by-admission"),
        id="misaligned with its own maxGuest: denied, not staged",
    ),
    pytest.param(
        live(vm=make_vm(instancetype="u1.medium")),
        "2Gi",
        ("blocked", "memory-from-instancetype"),
        id="instancetype-and-guest",
    ),
    pytest.param(
        live(
            vm=make_vm(constraints=Constraints(limits=q("2Gi"))),
            kubevirt=with_settings(make_kubevirt(), vmRolloutStrategy="Stage"),
        ),
        "3Gi",
        ("blocked", "denied-by-admission"),
        id="above the memory limit under Stage",
    ),
    pytest.param(
        make_live(make_vm(constraints=Constraints(hugepages="1Gi"))),
        "2500Mi",
        ("blocked", "denied-by-admission"),
        id="not a multiple of the page size, though stopped",
    ),
    pytest.param(
        live(vmi=replace(make_vmi(), guest_current=None, created_at=NOW)),
        "2Gi",
        ("wait", "starting"),
        id="the instance reports no memory yet",
    ),
    pytest.param(
        live(kubevirt=with_settings(make_kubevirt(), workloadUpdateMethods=None)),
        "2Gi",
        ("blocked", "no-live-migrate"),
        id="no-update-methods",
    ),
    pytest.param(
        live(
            kubevirt=with_settings(
                make_kubevirt(), workloadUpdateMethods=NameSet.of(("LiveMigrat",))
            )
        ),
        "2Gi",
        ("blocked", "no-live-migrate"),
        id="misspelt-update-method",
    ),
    pytest.param(
        live(
            kubevirt=with_settings(make_kubevirt(), workloadUpdateMethods=NameSet.of(("Evict",)))
        ),
        "2Gi",
        ("blocked", "evict-hazard"),
        id="evict-only",
    ),
    pytest.param(
        live(vm=make_vm(guest="2Gi"), vmi=changing("2Gi")),
        "3Gi",
        ("wait", "hotplug-in-flight"),
        id="slow-then-second-change",
    ),
    pytest.param(
        live(migrations=(make_migration(phase="Running", for_update=False),)),
        "2Gi",
        ("wait", "migration-in-flight"),
        id="a migration in flight",
    ),
    pytest.param(
        live(vmi=make_vmi(backup="nightly")), "2Gi", ("wait", "backup-running"), id="backup"
    ),
    pytest.param(
        live(kubevirt=make_kubevirt(phase="Deploying")),
        "2Gi",
        ("wait", "kubevirt-not-settled"),
        id="KubeVirt is not Deployed",
    ),
    pytest.param(
        live(
            nodes=(
                LiveNode(name="node01", schedulable=True),
                LiveNode(name="node02", schedulable=False),
            )
        ),
        "2Gi",
        ("blocked", "no-other-node"),
        id="the only other node is cordoned",
    ),
    pytest.param(
        live(vm=make_vm(deleting=True)), "2Gi", ("blocked", "being-deleted"), id="being deleted"
    ),
    pytest.param(live(vm=make_vm(suspended=True)), "2Gi", ("none", "suspended"), id="suspended"),
    pytest.param(
        live(
            vmi=make_vmi(
                conditions={"LiveMigratable": MIGRATABLE, "HotMemoryChange": condition("False")}
            )
        ),
        "2Gi",
        ("restart", "plug-failed-before"),
        id="plug-refused-then-revert",
    ),
    pytest.param(
        make_live(make_vm(printable_status="Stopped")), "2Gi", ("cold", "not-running"), id="halted"
    ),
    pytest.param(make_live(), "2Gi", ("blocked", "not-found"), id="not in the cluster"),
]


@pytest.mark.parametrize(("state", "guest", "expected"), CHANGES)
def test_planned_effect_of_a_vm_change_equals_the_effect_on_real_clusters(state, guest, expected):
    assert effect_of(make_desired(want(guest)), state) == expected


STANDING = [
    pytest.param(live(), "1Gi", ("none", "converged"), id="the guest has the size"),
    pytest.param(live(), "1024Mi", ("none", "converged"), id="same-value-other-spelling"),
    pytest.param(
        make_live(make_vm()),
        "1Gi",
        ("none", "stopped-as-desired"),
        id="stopped, the spec has the size",
    ),
    pytest.param(
        live(vm=make_vm(guest="2Gi"), vmi=changing("2Gi")),
        "2Gi",
        ("wait", "in-flight"),
        id="in flight",
    ),
    pytest.param(
        live(vm=make_vm(guest="2Gi")),
        "2Gi",
        ("wait", "in-flight"),
        id="virt-controller has not reacted yet",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="5Gi", conditions={"RestartRequired": condition("True", "", ABOVE)}),
        ),
        "5Gi",
        ("restart", "restart-pending"),
        id="above-max-guest, after the patch",
    ),
    pytest.param(
        live(
            vm=make_vm(
                guest="2Gi", conditions={"RestartRequired": condition("True", "", "failed")}
            ),
            vmi=replace(
                changing("2Gi"),
                conditions={
                    "HotMemoryChange": condition("False", "Memory Hotplug Failed", "not supported")
                },
            ),
        ),
        "2Gi",
        ("blocked", "plug-refused"),
        id="plug-refused, after the migration succeeded",
    ),
    pytest.param(
        live(vm=make_vm(guest="2Gi"), vmi=plugged("2Gi", "1Gi", 10)),
        "2Gi",
        ("wait", "guest-accepting"),
        id="plugged, the guest still accepts the memory",
    ),
    pytest.param(
        live(vm=make_vm(guest="2Gi"), vmi=plugged("2Gi", "1Gi", 301)),
        "2Gi",
        ("blocked", "guest-silent"),
        id="plugged, the guest ignores the memory",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="2Gi"),
            vmi=replace(plugged("2Gi", "1Gi", 999), conditions={"Paused": condition("True")}),
        ),
        "2Gi",
        ("wait", "guest-accepting"),
        id="plugged while paused: the guest uses it once resumed",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="2Gi"),
            vmi=changing("2Gi"),
            migrations=(make_migration(phase="Failed", name="m-1"),),
        ),
        "2Gi",
        ("wait", "migration-retrying"),
        id="migration-fails, once",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="2Gi"),
            vmi=changing("2Gi"),
            migrations=tuple(make_migration(phase="Failed", name=f"m-{n}") for n in range(3)),
        ),
        "2Gi",
        ("blocked", "migration-failing"),
        id="migration-fails, three times",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="2Gi"),
            vmi=changing("2Gi"),
            migrations=tuple(
                make_migration(phase="Failed", name=f"m-{n}", started_at=None, target_node="")
                for n in range(3)
            ),
        ),
        "2Gi",
        ("blocked", "target-unschedulable"),
        id="target-unschedulable, three times",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="2Gi"),
            vmi=changing("2Gi"),
            migrations=(
                make_migration(
                    phase="Pending",
                    conditions={"migrationRejectedByResourceQuota": condition("True")},
                ),
            ),
        ),
        "2Gi",
        ("blocked", "quota-refused"),
        id="quota-holds-one-pod",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="2Gi", guest_changed_at=NOW - timedelta(minutes=5)),
            vmi=changing("2Gi"),
            migrations=tuple(make_migration(phase="Succeeded", name=f"m-{n}") for n in range(2)),
        ),
        "2Gi",
        ("blocked", "ineffective-migrations"),
        id="migrations succeed repeatedly without effect",
    ),
    pytest.param(
        live(
            vm=make_vm(guest="2Gi"),
            vmi=changing("2Gi"),
            kubevirt=with_settings(make_kubevirt(), workloadUpdateMethods=None),
        ),
        "2Gi",
        ("blocked", "no-live-migrate"),
        id="in flight indefinitely without LiveMigrate",
    ),
    pytest.param(
        live(
            vm=make_vm(
                guest="3Gi",
                conditions={"Failure": condition("True", "HotPlugMemoryError", "in progress")},
            ),
            vmi=changing("2Gi"),
        ),
        "3Gi",
        ("wait", "in-flight"),
        id="slow-then-second-change: queued by KubeVirt itself",
    ),
]


@pytest.mark.parametrize(("state", "guest", "expected"), STANDING)
def test_planned_effect_depends_on_the_guest_memory_if_the_vm_spec_matches_git(
    state, guest, expected
):
    plan = plan_of(make_desired(want(guest)), state)
    (decision,) = plan.decisions
    assert (decision.effect.value, decision.reason.value) == expected
    assert not decision.actions, "a value that is there is never written again"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.3.1", ("restart", "restart-required-sticky")),
        ("v1.6.3", ("restart", "restart-required-sticky")),
        ("v1.6.4", ("live", "hotplug")),
        ("v1.7.0", ("restart", "restart-required-sticky")),
        ("v1.7.1", ("live", "hotplug")),
        ("v1.9.0", ("live", "hotplug")),
    ],
)
def test_restart_required_condition_that_kubevirt_does_not_clear_prevents_live_changes(
    version, expected
):
    """In the scenario above-max-then-revert, the size was 5Gi, then 1Gi again, and now 2Gi."""
    vm = make_vm(conditions={"RestartRequired": condition("True", "", ABOVE)})
    kubevirt = with_settings(
        make_kubevirt(version),
        vmRolloutStrategy="LiveUpdate",
        featureGates=NameSet.of(("VMLiveUpdateFeatures",)),
    )
    assert effect_of(make_desired(want("2Gi")), live(vm=vm, kubevirt=kubevirt)) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"), [(1, ("wait", "starting")), (16, ("blocked", "not-starting"))]
)
def test_starting_vm_is_blocked_after_the_start_timeout(minutes, expected):
    created = NOW - timedelta(minutes=minutes)
    vmi = replace(make_vmi(), phase="Scheduling", created_at=created)
    assert effect_of(make_desired(want("1Gi")), live(vmi=vmi)) == expected


def test_pending_edit_of_a_field_other_than_memory_prevents_a_live_memory_change():
    """In the scenario mixed-edit, a template field other than memory prevents live changes."""
    vm = make_vm(conditions={"RestartRequired": condition("True", "", OTHER)})
    found = effect_of(make_desired(want("2Gi")), live(vm=vm))
    assert found == ("restart", "other-edit-pending")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"workloadUpdateMethods": NameSet.of(("LiveMigrate",))}, ("live", "hotplug")),
        ({"workloadUpdateMethods": NameSet.of(("Evict",))}, ("blocked", "evict-hazard")),
    ],
)
def test_vm_changes_are_planned_for_the_kubevirt_cr_after_its_planned_changes(change, expected):
    from reconciler.model import fields  # noqa: PLC0415

    settings = {fields.UPDATE_METHODS: change["workloadUpdateMethods"]}
    state = live(kubevirt=with_settings(make_kubevirt(), workloadUpdateMethods=None))
    assert effect_of(make_desired(want("2Gi"), kubevirt=settings), state) == expected


def test_memory_size_that_needs_a_restart_is_written_only_if_restarts_are_permitted():
    (decision,) = plan_of(make_desired(want("5Gi")), live()).decisions
    assert decision.effect.value == "restart"
    assert decision.actions == ()


def test_restart_policy_stage_causes_a_warning_if_restart_required_is_never_cleared():
    kubevirt = with_settings(make_kubevirt("v1.6.3"))
    plan = plan_of(
        make_desired(want("5Gi")), live(kubevirt=kubevirt), restart=RestartConsent.STAGE
    )
    (decision,) = plan.decisions
    assert len(decision.actions) == 1
    assert any("prevents every live update" in each for each in decision.warnings)


def test_vm_is_created_only_if_permitted_and_if_its_manifest_is_complete():
    desired = make_desired(want("2Gi", manifest={"kind": "VirtualMachine"}))
    assert effect_of(desired, make_live()) == ("blocked", "not-found")
    assert effect_of(desired, make_live(), create=True) == ("create", "new")
    assert effect_of(make_desired(want("2Gi")), make_live(), create=True) == (
        "blocked",
        "not-found",
    )


def test_vm_decision_contains_the_location_of_the_value_in_git():
    (decision,) = plan_of(make_desired(want("2Gi")), live()).decisions
    assert str(decision.at) == f"vms/{VM.name}.yaml:12:18"
    assert str(decision.changes[0].at) == f"vms/{VM.name}.yaml:12:18"


def test_unknown_kubevirt_version_is_treated_as_the_newest_known_version():
    plan = plan_of(make_desired(want("2Gi")), live(kubevirt=make_kubevirt("v1.12.0")))
    assert [each.effect.value for each in plan.decisions] == ["live"]
    assert [each.code for each in plan.diagnostics] == ["unknown-kubevirt-version"]
