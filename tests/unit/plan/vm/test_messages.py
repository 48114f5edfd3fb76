"""Tests that messages and hints contain the object's names, sizes and counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
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
)

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import RESOURCES
from reconciler.model.live.capacity import Capacity, Quota
from reconciler.model.live.live_state import Constraints
from reconciler.model.references import Location, vm_ref


def decided(guest="2Gi", *, vm=None, vmi=None, migrations=()):
    live = make_live(vm or make_vm(), vmis=(vmi or make_vmi(),), migrations=migrations)
    (decision,) = plan_of(make_desired(want(guest)), live).decisions
    return decision


@pytest.mark.parametrize(
    ("guest", "hint"),
    [
        # blocks of 2Mi: kubevirt v1.9.0 pkg/liveupdate/memory/memory.go:37-40
        ("1500001Ki", "use 1464Mi or 1466Mi instead"),
        ("1051137Ki", "use 1026Mi or 1028Mi instead"),
        ("2G", "use 1906Mi or 1908Mi instead"),
    ],
)
def test_hint_about_a_misaligned_memory_size_suggests_aligned_sizes(guest, hint):
    assert decided(guest).why.hint == hint


def test_message_about_a_vm_that_cannot_migrate_quotes_kubevirts_reason():
    said = condition("False", "DisksNotLiveMigratable", "PVC is not shared")
    decision = decided(vmi=make_vmi(conditions={"LiveMigratable": said}))
    assert decision.why.message == "the VM cannot be live-migrated: PVC is not shared"


def test_message_about_a_waiting_vm_contains_the_running_migration_and_its_phase():
    running = (make_migration(phase="Running", name="m-7", for_update=False),)
    assert decided(migrations=running).why.message == (
        "the VM is already migrating: the migration m-7 is Running"
    )
    new = (make_migration(phase="", name="m-8", for_update=False),)
    assert decided(migrations=new).why.message == (
        "the VM is already migrating: the migration m-8 is new"
    )


CHANGING = {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}


@pytest.mark.parametrize(
    ("failed", "reason", "message"),
    [
        (1, "migration-retrying", "1 migration failed"),
        (2, "migration-retrying", "2 migrations failed"),
        (3, "migration-failing", "3 migrations failed"),
        (4, "migration-failing", "4 migrations failed"),
    ],
)
def test_message_about_a_failed_hotplug_counts_the_failed_migrations(failed, reason, message):
    decision = decided(
        vm=make_vm(guest="2Gi"),
        vmi=replace(make_vmi(conditions=CHANGING), guest=make_vm(guest="2Gi").guest),
        migrations=tuple(make_migration(phase="Failed", name=f"m-{n}") for n in range(failed)),
    )
    assert (decision.reason.value, decision.why.message.partition(";")[0]) == (reason, message)


@pytest.mark.parametrize(
    ("reason", "effect"),
    [("HotPlugMemoryError", "wait"), ("FailedCreate", "none"), ("SyncFailed", "none")],
)
def test_vm_waits_if_the_reason_of_its_failure_condition_is_hot_plug_memory_error(reason, effect):
    failure = {"Failure": condition("True", reason, "in progress")}
    assert decided("1Gi", vm=make_vm(conditions=failure)).effect.value == effect
    for status in ("False", "Unknown"):
        ended = {"Failure": condition(status, reason, "in progress")}
        assert decided("1Gi", vm=make_vm(conditions=ended)).effect.value == "none"


@pytest.mark.parametrize(
    ("reason", "text", "says"),
    [
        ("Memory Hotplug Failed", "not supported", "not supported"),
        ("Memory Hotplug Failed", "", "Memory Hotplug Failed"),
    ],
)
def test_message_about_a_rejected_hotplug_quotes_the_reason(reason, text, says):
    # recorded plug-refused
    conditions = {"HotMemoryChange": condition("False", reason, text)}
    decision = decided(vm=make_vm(guest="2Gi"), vmi=make_vmi(conditions=conditions))
    assert decision.why.message == f"libvirt or QEMU rejected 2Gi: {says}"


@pytest.mark.parametrize(("phase", "guest"), [("Running", "1Gi"), ("Succeeded", None)])
def test_plan_shows_no_guest_size_if_the_vmi_has_ended(phase, guest):
    found = decided(vmi=replace(make_vmi(), phase=phase)).guest
    assert (str(found) if found else None) == guest


@pytest.mark.parametrize(
    ("guest_has", "says"),
    [("1Gi", "the guest has 1Gi so far"), (None, "the guest has nothing so far")],
)
def test_message_about_an_unfinished_hotplug_contains_the_current_memory_of_the_guest(
    guest_has, says
):
    vmi = make_vmi(guest="2Gi")
    current = make_vm(guest=guest_has).guest
    decision = decided(vm=make_vm(guest="2Gi"), vmi=replace(vmi, guest_current=current))
    assert decision.why.message == f"2Gi was hotplugged, but {says}"


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_vm_waits_for_a_restart_only_if_the_restart_required_condition_is_true(status):
    conditions = {"RestartRequired": condition(status, "", "memory updated")}
    assert decided("1Gi", vm=make_vm(conditions=conditions)).reason.value == "converged"


@pytest.mark.parametrize(("guest", "told"), [("2Gi", True), ("5Gi", False)])
def test_warning_says_that_a_live_memory_change_ends_the_memory_overcommit_of_the_vm(guest, told):
    vmi = make_vmi(constraints=Constraints(requests=make_vm(guest="512Mi").guest))
    found = decided(guest, vmi=vmi).warnings
    assert any("ends the overcommit" in each for each in found) is told


@pytest.mark.parametrize(
    ("failed_on", "reason"),
    [
        ({"started_at": None, "target_node": ""}, "target-unschedulable"),
        ({"started_at": None, "target_node": "node02"}, "migration-failing"),
        ({"started_at": NOW, "target_node": ""}, "migration-failing"),
    ],
)
def test_target_pod_without_a_node_is_unschedulable(failed_on, reason):
    migrations = tuple(
        make_migration(phase="Failed", name=f"m-{n}", **failed_on) for n in range(3)
    )
    vmi = replace(make_vmi(conditions=CHANGING), guest=make_vm(guest="2Gi").guest)
    decision = decided(vm=make_vm(guest="2Gi"), vmi=vmi, migrations=migrations)
    assert decision.reason.value == reason


@pytest.mark.parametrize(
    ("version", "pause"),
    [("v1.3.0", "immediately"), ("v1.3.1", "after a pause"), ("v1.9.0", "after a pause")],
)
def test_plan_message_says_when_each_kubevirt_version_retries_a_failed_migration(version, pause):
    # recorded v1.3.1 migration-fails; kubevirt PR 12336
    live = make_live(
        make_vm(guest="2Gi"),
        vmis=(replace(make_vmi(conditions=CHANGING), guest=make_vm(guest="2Gi").guest),),
        migrations=(make_migration(phase="Failed"),),
        kubevirt=make_kubevirt(version),
    )
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert decision.why.message.endswith(f"KubeVirt retries {pause}")


def test_message_about_a_slowly_starting_vm_contains_the_age_of_its_vmi_in_minutes():
    vmi = replace(make_vmi(), phase="Scheduling", created_at=NOW - timedelta(hours=1))
    assert "60 min after its instance was created" in decided("1Gi", vmi=vmi).why.message


def test_message_about_an_unused_quota_shows_a_usage_of_zero():
    quota = Quota(name="team", hard={"pods": 0}, used={})
    capacity = Capacity(
        observed_at=NOW, nodes={}, quotas={VM.namespace: (quota,)}, launchers={}, pods_known=False
    )
    live = make_live(make_vm(), vmis=(make_vmi(),), capacity=capacity)
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert decision.why.message.endswith("0 of 0 pods are in use")


@pytest.mark.parametrize(("current", "has"), [("1Gi", "1Gi"), (None, "2Gi")])
def test_message_about_a_pending_restart_contains_the_guest_size(current, has):
    conditions = {"RestartRequired": condition("True", "", "memory updated")}
    vmi = replace(make_vmi(guest="2Gi"), guest_current=make_vm(guest=current).guest)
    decision = decided("3Gi", vm=make_vm(guest="3Gi", conditions=conditions), vmi=vmi)
    assert f"sets 3Gi, the guest has {has}, and" in decision.why.message


def test_vm_change_is_blocked_if_the_vm_manifest_in_git_has_an_error():
    bad = Diagnostic(
        severity=Severity.ERROR,
        code="bad-quantity",
        message="spec.template.spec.domain.memory.guest: 'abc' is not a quantity",
        ref=VM,
        hint="write a size such as 2Gi",
    )
    live = make_live(make_vm(), vmis=(make_vmi(),))

    def decided(*diagnostics):
        desired = make_desired(want(None), diagnostics=diagnostics)
        (decision,) = plan_of(desired, live).decisions
        return decision

    decision = decided(bad)
    assert (decision.effect.value, decision.reason.value) == ("blocked", "invalid-manifest")
    assert decision.why.message == f"the manifest in Git is invalid: {bad.message}"
    assert decision.why.hint == bad.hint
    for other in (
        replace(bad, ref=vm_ref("db", "other")),
        replace(bad, severity=Severity.WARNING),
    ):
        assert decided(other).reason.value == "nothing-named"


def test_vm_memory_is_not_managed_if_git_sets_only_memory_requests_and_limits():
    vm = make_vm(guest=None, constraints=Constraints(requests=q("2Gi")))
    wanted = want(None, resources={"requests": "4Gi"})
    at = Location(path="vms/db.yaml", line=9, column=61)
    places = {(*RESOURCES, "requests", "memory"): at}
    desired = make_desired(wanted, provenance={wanted.ref: places})
    (decision,) = plan_of(desired, make_live(vm)).decisions
    assert decision.at == at
    assert (decision.effect.value, decision.reason.value) == ("none", "memory-not-managed")
    assert "resources.requests.memory (4Gi; the cluster has 2Gi)" in decision.why.message
    assert decision.warnings == ("the size in Git has no effect on this VM",)
