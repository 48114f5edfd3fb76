"""Tests the reported progress of VMs whose spec already has the desired size."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    condition,
    effect_of,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    q,
    want,
)

from reconciler.plan.vm.rules.guest_progress import failed_in_a_row

GIT = make_desired(want("2Gi"))
MIGRATABLE = {"LiveMigratable": condition("True")}
IN_FLIGHT = {**MIGRATABLE, "HotMemoryChange": condition("True")}
REFUSED = {**MIGRATABLE, "HotMemoryChange": condition("False", "x", "libvirt refused")}
NEEDS_RESTART = {"RestartRequired": condition("True", "x", "memory changed: not live")}
OTHER_EDIT = {"RestartRequired": condition("True", "x", "a non-live-updatable field was changed")}
QUEUED = {"Failure": condition("True", "HotPlugMemoryError", "another change is in flight")}
QUOTA = {"conditions": {"migrationRejectedByResourceQuota": condition("True")}}


def effect(vm=None, migrations=(), **vmi):
    """Return the planned effect on a VM whose spec has 2Gi and that booted with 1Gi."""
    sizes = {"guest_at_boot": q("1Gi"), "guest_requested": q("2Gi"), "guest_current": q("2Gi")}
    instance = make_vmi(guest="2Gi", **(sizes | vmi))
    machine = make_vm(guest="2Gi", **(vm or {}))
    return effect_of(GIT, make_live(machine, vmis=(instance,), migrations=migrations))


def failed(count: int):
    return tuple(make_migration(name=f"m{n}", phase="Failed") for n in range(count))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        # Only the guest's report proves the size; the API server's response does not.
        ({}, ("none", "converged")),
        ({"guest_current": q("1Gi")}, ("wait", "guest-accepting")),
        ({"guest_requested": q("1Gi"), "guest_current": q("1Gi")}, ("wait", "in-flight")),
        ({"conditions": IN_FLIGHT, "guest_current": q("1Gi")}, ("wait", "in-flight")),
        ({"vm": {"conditions": QUEUED}}, ("wait", "in-flight")),
        ({"conditions": REFUSED}, ("blocked", "plug-refused")),
        (
            {"vm": {"conditions": NEEDS_RESTART}, "guest_current": q("1Gi")},
            ("restart", "restart-pending"),
        ),
        # The guest has the memory, so a pending edit of another field does not affect the size.
        ({"vm": {"conditions": OTHER_EDIT}}, ("none", "converged")),
        # libvirt's refusal comes before the restart that KubeVirt asks for as well.
        (
            {"conditions": REFUSED, "vm": {"conditions": NEEDS_RESTART}},
            ("blocked", "plug-refused"),
        ),
    ],
)
def test_progress_of_a_memory_change_follows_from_the_status_of_the_vm_and_vmi(state, expected):
    assert effect(**state) == expected


@pytest.mark.parametrize(
    ("migrations", "expected"),
    [
        (failed(1), ("wait", "migration-retrying")),
        (failed(3), ("blocked", "migration-failing")),
        (
            (*failed(3), make_migration(name="last", phase="Running")),
            ("blocked", "migration-failing"),
        ),
        ((*failed(3), make_migration(name="last", phase="Succeeded")), ("wait", "in-flight")),
        ((make_migration(name="m", phase="Pending", **QUOTA),), ("blocked", "quota-refused")),
    ],
)
def test_failed_migrations_block_a_memory_change_until_a_migration_succeeds(migrations, expected):
    found = effect(conditions=IN_FLIGHT, guest_current=q("1Gi"), migrations=migrations)
    assert found == expected


@pytest.mark.parametrize(
    ("waited_s", "conditions", "expected"),
    [
        (10, MIGRATABLE, ("wait", "guest-accepting")),
        (100_000, MIGRATABLE, ("blocked", "guest-silent")),
        # A paused guest cannot accept memory, however long it is paused.
        (100_000, {**MIGRATABLE, "Paused": condition("True")}, ("wait", "guest-accepting")),
    ],
)
def test_guest_that_does_not_use_new_memory_is_reported_after_the_timeout(
    waited_s, conditions, expected
):
    ended = NOW - timedelta(seconds=waited_s)
    found = effect(guest_current=q("1Gi"), conditions=conditions, migration_ended_at=ended)
    assert found == expected


@pytest.mark.parametrize(
    ("succeeded", "reason"), [(1, "in-flight"), (2, "ineffective-migrations")]
)
def test_memory_change_is_blocked_after_two_migrations_that_did_not_hotplug_memory(
    succeeded, reason
):
    written = NOW - timedelta(minutes=5)
    migrations = tuple(
        make_migration(name=f"m{n}", phase="Succeeded", created_at=NOW - timedelta(minutes=2))
        for n in range(succeeded)
    )
    found = effect(
        vm={"guest_changed_at": written},
        guest_requested=q("1Gi"),
        guest_current=q("1Gi"),
        migrations=migrations,
    )
    assert found[1] == reason


@pytest.mark.parametrize(
    ("phases", "count"),
    [("", 0), ("F", 1), ("FF", 2), ("FSF", 1), ("FFS", 0), ("FR", 1)],
)
def test_consecutive_migration_failures_are_counted_since_the_last_success(phases, count):
    names = {"F": "Failed", "S": "Succeeded", "R": "Running"}
    migrations = tuple(
        make_migration(name=f"m{n}", phase=names[each]) for n, each in enumerate(phases)
    )
    assert failed_in_a_row(migrations) == count
