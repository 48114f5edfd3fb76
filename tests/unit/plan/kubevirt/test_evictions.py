"""Tests which changes to the KubeVirt CR are blocked because KubeVirt would evict VMs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
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

from reconciler.model import fields
from reconciler.model.fields import NameSet
from reconciler.model.references import vm_ref

MIGRATES = {"LiveMigratable": condition("True")}
STAYS = {"LiveMigratable": condition("False")}
IN_FLIGHT = {"HotMemoryChange": condition("True")}
OLD = {"kubevirt.io/outdatedLauncherImage": ""}
LABEL, NO_LABEL = {"labels": OLD}, {}


def listing(*methods, **overrides):
    return with_settings(make_kubevirt(**overrides), workloadUpdateMethods=NameSet.of(methods))


def vmi(name="a", **more):
    return make_vmi(ref=vm_ref("db", name), **{"conditions": MIGRATES, **more})


def planned(kubevirt, methods, *vmis, vms=None, migrations=(), **git):
    """Return the decision about the KubeVirt CR if Git sets the given workload update methods."""
    found = [make_vm(ref=each.ref) for each in vmis] if vms is None else vms
    live = make_live(*found, vmis=vmis, kubevirt=kubevirt, migrations=migrations)
    settings = {fields.UPDATE_METHODS: NameSet.of(methods), **git.pop("settings", {})}
    (decision,) = plan_of(make_desired(kubevirt=settings), live).decisions
    return decision


CONFIG = ("config", "config-change")
EVICTS = ("blocked", "would-evict")
NONE, ONLY_MIGRATE, BOTH, ONLY_EVICT = (), ("LiveMigrate",), ("LiveMigrate", "Evict"), ("Evict",)


# kubevirt v1.9.0 workload-updater.go:366-428: LiveMigrate migrates VMs that can migrate,
# Evict evicts the others;
# pod-eviction-admitter.go:127-183: what an eviction strategy changes.
@pytest.mark.parametrize(
    ("before", "after", "more", "expected"),
    [
        pytest.param(
            NONE,
            ONLY_EVICT,
            {"conditions": MIGRATES | IN_FLIGHT},
            EVICTS,
            id="change in flight without LiveMigrate",
        ),
        pytest.param(NONE, ONLY_EVICT, LABEL, EVICTS, id="outdated launcher"),
        pytest.param(NONE, ONLY_EVICT, NO_LABEL, CONFIG, id="VM without a pending change"),
        pytest.param(NONE, BOTH, LABEL, CONFIG, id="migratable VM"),
        pytest.param(
            ONLY_MIGRATE, BOTH, {**LABEL, "conditions": STAYS}, EVICTS, id="unmigratable VM"
        ),
        pytest.param(
            ONLY_MIGRATE,
            BOTH,
            {"conditions": STAYS},
            CONFIG,
            id="unmigratable VM without a pending change",
        ),
        pytest.param(
            BOTH,
            ONLY_EVICT,
            {"conditions": MIGRATES | IN_FLIGHT},
            EVICTS,
            id="LiveMigrate is removed",
        ),
        pytest.param(
            BOTH, ONLY_MIGRATE, {**LABEL, "conditions": STAYS}, CONFIG, id="Evict is removed"
        ),
        pytest.param(
            ONLY_EVICT,
            ("Evict", "Other"),
            LABEL,
            CONFIG,
            id="VM that is evicted without the change too",
        ),
        pytest.param(
            NONE,
            ONLY_EVICT,
            {**LABEL, "eviction_strategy": "LiveMigrate"},
            CONFIG,
            id="strategy LiveMigrate",
        ),
        pytest.param(
            NONE,
            ONLY_EVICT,
            {**LABEL, "eviction_strategy": "LiveMigrate", "conditions": STAYS},
            CONFIG,
            id="strategy LiveMigrate and unmigratable VM",
        ),
        pytest.param(
            NONE,
            ONLY_EVICT,
            {**LABEL, "eviction_strategy": "LiveMigrateIfPossible", "conditions": STAYS},
            EVICTS,
            id="strategy LiveMigrateIfPossible and unmigratable VM",
        ),
        pytest.param(
            NONE,
            ONLY_EVICT,
            {**LABEL, "eviction_strategy": "External"},
            CONFIG,
            id="strategy External",
        ),
        pytest.param(
            NONE, ONLY_EVICT, {**LABEL, "eviction_strategy": "None"}, EVICTS, id="strategy None"
        ),
        pytest.param(NONE, ONLY_EVICT, {**LABEL, "phase": "Scheduled"}, CONFIG, id="starting VM"),
        pytest.param(NONE, ONLY_EVICT, {**LABEL, "deleting": True}, CONFIG, id="VM being deleted"),
    ],
)
def test_kubevirt_cr_change_that_evicts_a_running_vm_is_blocked(before, after, more, expected):
    decision = planned(listing(*before), after, vmi(**more))
    assert (decision.effect.value, decision.reason.value) == expected
    assert bool(decision.actions) is (expected == CONFIG)


def test_kubevirt_cr_eviction_strategy_applies_to_vms_without_their_own_strategy():
    old = listing(eviction_strategy="LiveMigrate")
    assert planned(old, ("Evict",), vmi(labels=OLD)).effect.value == "config"
    other = vmi(labels=OLD, eviction_strategy="None")
    assert planned(old, ("Evict",), other).reason.value == "would-evict"


def test_eviction_message_lists_the_vms_with_reasons_and_a_hint():
    vmis = [vmi(name, labels=OLD) for name in "bcde"]
    flying = vmi("a", conditions=MIGRATES | IN_FLIGHT)
    decision = planned(listing(), ("Evict",), flying, *vmis)
    assert decision.why.message == (
        "after this change to the KubeVirt CR, KubeVirt would evict 5 running VMs and stop their "
        "guests: db/a (an unfinished change), db/b (an outdated launcher pod), db/c (an outdated "
        "launcher pod) and 2 more"
    )
    assert decision.why.hint.startswith("also list LiveMigrate in workloadUpdateMethods")
    alone = planned(listing("LiveMigrate"), BOTH, vmi(labels=OLD, conditions=STAYS))
    assert (
        "evict 1 running VM and stop its guest: db/a (an outdated launcher pod)"
        in alone.why.message
    )
    assert alone.why.hint.startswith("wait until")


def test_eviction_message_also_lists_unlabelled_vms_if_kubevirt_counts_more_outdated_vms():
    decision = planned(listing(outdated_workloads=2), ("Evict",), vmi("a", labels=OLD), vmi("b"))
    assert (
        "db/b (possibly an outdated launcher pod: KubeVirt counts 1 more outdated VMs than it "
        "has labelled)" in decision.why.message
    )
    counted = planned(listing(outdated_workloads=1), ("Evict",), vmi("a", labels=OLD), vmi("b"))
    assert "db/b" not in counted.why.message


def test_eviction_check_includes_migrating_vms():
    decision = planned(
        listing(*BOTH),
        ("Evict",),
        vmi(conditions=MIGRATES | IN_FLIGHT),
        migrations=(make_migration(vm_ref("db", "a")),),
    )
    assert decision.reason.value == "would-evict"


def test_eviction_check_includes_vms_whose_size_was_changed_under_the_stage_strategy():
    stage = with_settings(listing("Evict"), vmRolloutStrategy="Stage")
    staged = make_vm(ref=vm_ref("db", "a"), guest="2Gi")
    live_update = {fields.ROLLOUT_STRATEGY: "LiveUpdate"}
    decision = planned(stage, ("Evict",), vmi(), vms=[staged], settings=live_update)
    assert decision.reason.value == "would-evict"
    assert (
        "db/a (a size written earlier, which takes effect with this change)"
        in decision.why.message
    )
    kept = planned(
        stage,
        ("Evict",),
        vmi(eviction_strategy="LiveMigrate"),
        vms=[staged],
        settings=live_update,
    )
    assert kept.effect.value == "config"


@pytest.mark.parametrize(
    ("before", "after", "vmis", "said"),
    [
        (NONE, ONLY_EVICT, [vmi("a")], "affected running VMs: 1 (db/a)"),
        (
            NONE,
            ONLY_EVICT,
            [vmi("a", eviction_strategy="LiveMigrate")],
            ("affected running VMs: none"),
        ),
        (
            ONLY_MIGRATE,
            BOTH,
            [vmi("a"), vmi("b", conditions=STAYS)],
            ("affected running VMs: 1 (db/b)"),
        ),
        (ONLY_MIGRATE, BOTH, [vmi("a")], "when a VM that cannot be migrated needs an update"),
        (
            BOTH,
            ONLY_EVICT,
            [vmi("a")],
            "after this change, workloadUpdateMethods lists Evict, but no longer LiveMigrate",
        ),
        (BOTH, ONLY_MIGRATE, [vmi("a")], ""),
        (ONLY_EVICT, BOTH, [vmi("a")], ""),
    ],
)
def test_eviction_warning_lists_vms_that_kubevirt_might_evict_later(before, after, vmis, said):
    warnings = planned(listing(*before), after, *vmis).warnings
    found = [each for each in warnings if "KubeVirt evicts" in each]
    assert said in " / ".join(found) if said else not found


EVICT_ONLY = listing("Evict")


# Recorded v1.9.0 evict-only (killed); pod-eviction-admitter.go:127-183 for the strategies.
@pytest.mark.parametrize(
    ("strategy", "of_cr", "expected"),
    [
        ("", "", ("blocked", "evict-hazard")),
        ("None", "LiveMigrate", ("blocked", "evict-hazard")),
        ("LiveMigrate", "", ("live", "hotplug")),
        ("", "LiveMigrate", ("live", "hotplug")),
        ("LiveMigrateIfPossible", "", ("live", "hotplug")),
        ("External", "", ("blocked", "no-live-migrate")),
    ],
)
@pytest.mark.parametrize("flying", [False, True])
def test_eviction_strategy_determines_whether_an_evicted_vm_migrates(
    strategy, of_cr, expected, flying
):
    found = make_vmi(eviction_strategy=strategy)
    vm = make_vm()
    if flying:
        vm = make_vm(guest="2Gi")
        found = replace(found, guest=q("2Gi"), conditions=MIGRATES | IN_FLIGHT)
        expected = {
            "hotplug": ("wait", "hotplug-in-flight"),
            "no-live-migrate": ("blocked", "hotplug-stuck"),
        }.get(expected[1], expected)
    live = make_live(vm, vmis=(found,), kubevirt=replace(EVICT_ONLY, eviction_strategy=of_cr))
    assert effect_of(make_desired(want("3Gi")), live) == expected


def test_message_about_a_change_that_would_evict_vms_contains_the_eviction_strategy():
    live = make_live(
        make_vm(), vmis=(make_vmi(eviction_strategy="External"),), kubevirt=EVICT_ONLY
    )
    (decision,) = plan_of(make_desired(want("3Gi")), live).decisions
    assert "the VM's evictionStrategy External denies its eviction" in decision.why.message


# The size is already written, but KubeVirt cannot apply it any more.
@pytest.mark.parametrize(
    ("methods", "more", "reason", "said"),
    [
        (ONLY_MIGRATE, {}, "not-migratable", "the VM cannot be live-migrated"),
        (BOTH, {}, "evict-hazard", "Evict, and the VM cannot be migrated"),
        (ONLY_EVICT, {}, "evict-hazard", "Evict without LiveMigrate"),
        (
            ONLY_EVICT,
            {"eviction_strategy": "LiveMigrate"},
            "no-live-migrate",
            "LiveMigrate denies",
        ),
        (NONE, {}, "no-live-migrate", "does not list LiveMigrate"),
    ],
)
def test_reason_to_block_a_vm_that_cannot_migrate_depends_on_the_workload_update_methods(
    methods, more, reason, said
):
    flying = replace(make_vmi(conditions=STAYS | IN_FLIGHT, **more), guest=q("2Gi"))
    live = make_live(make_vm(guest="2Gi"), vmis=(flying,), kubevirt=listing(*methods))
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert (decision.effect.value, decision.reason.value) == ("blocked", reason)
    assert said in decision.why.message
