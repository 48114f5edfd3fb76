"""Tests the planning rules for KubeVirt v1.1 and v1.2, derived from KubeVirt's code."""

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

from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import Constraints

GATE = NameSet.of(("VMLiveUpdateFeatures",))
CONFIGURATIONS = {
    "dedicated": Constraints(dedicated_cpus=True),
    "hugepages": Constraints(hugepages="2Mi"),
    "limits": Constraints(limits=q("8Gi")),
}


def cluster(version, *, constraints=None, own_max=None, switch=True, vmi=None, **vm):
    found = constraints or Constraints()
    strategy = {} if version.startswith("v1.1.") else {"vmRolloutStrategy": "LiveUpdate"}
    return make_live(
        make_vm(
            constraints=found,
            max_guest=q(own_max) if own_max else None,
            live_update_memory=switch,
            **vm,
        ),
        vmis=(vmi or make_vmi(constraints=found),),
        kubevirt=with_settings(make_kubevirt(version), featureGates=GATE, **strategy),
    )


def effect(live, guest="2Gi"):
    return effect_of(make_desired(want(guest)), live)


DENIED = ("blocked", "denied-by-admission")
RESTART = ("restart", "unsupported-configuration")
LIVE = ("live", "hotplug")


@pytest.mark.parametrize(
    ("version", "what", "own_max", "expected"),
    [
        # v1.1.0 vms-admitter.go:456-592, v1.2.0 :430-567: denied only with the VM's own maxGuest
        ("v1.1.0", "dedicated", "4Gi", DENIED),
        ("v1.2.0", "dedicated", "4Gi", DENIED),
        ("v1.2.2", "dedicated", "4Gi", DENIED),
        ("v1.3.0", "dedicated", "4Gi", LIVE),
        ("v1.1.0", "hugepages", "4Gi", DENIED),
        ("v1.2.2", "hugepages", "4Gi", DENIED),
        ("v1.3.0", "hugepages", "4Gi", LIVE),
        ("v1.1.0", "limits", "4Gi", DENIED),
        ("v1.2.0", "limits", "4Gi", DENIED),
        # v1.2.1 removed the check of limits
        ("v1.2.1", "limits", "4Gi", LIVE),
        ("v1.2.0", "dedicated", None, RESTART),
        ("v1.2.0", "hugepages", None, RESTART),
        ("v1.2.0", "limits", None, RESTART),
        # recorded v1.3.1, v1.6.3, v1.9.0 dedicated-cpu, hugepages-2mi, limits-memory-below
        *(
            (version, what, None, LIVE)
            for version in ("v1.3.1", "v1.6.3", "v1.9.0")
            for what in CONFIGURATIONS
        ),
    ],
)
def test_kubevirt_version_determines_which_vm_configurations_support_memory_hotplug(
    version, what, own_max, expected
):
    live = cluster(version, constraints=CONFIGURATIONS[what], own_max=own_max)
    assert effect(live) == expected


@pytest.mark.parametrize(
    ("version", "switch", "expected"),
    [
        # v1.1.0 vms-admitter.go:440-446: the VM enables it; v1.2.0 types.go has no such field
        ("v1.1.0", False, ("restart", "live-update-features-unset")),
        ("v1.1.1", False, ("restart", "live-update-features-unset")),
        ("v1.1.0", True, LIVE),
        ("v1.2.0", False, LIVE),
        ("v1.9.0", False, LIVE),
    ],
)
def test_kubevirt_v1_1_hotplugs_memory_only_into_vms_with_live_update_features(
    version, switch, expected
):
    assert effect(cluster(version, switch=switch)) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        # v1.1.0 vms-admitter.go:865-939 "cannot set less memory than what the guest booted with"
        ("v1.1.0", DENIED),
        ("v1.2.0", ("restart", "below-boot-memory")),
        ("v1.3.1", ("restart", "below-boot-memory")),
    ],
)
def test_kubevirt_v1_1_denies_a_memory_size_below_the_boot_size(version, expected):
    live = cluster(version, vmi=make_vmi(guest="2Gi"), guest="2Gi")
    assert effect(live, "1Gi") == expected


IN_FLIGHT = {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        # the webhook would deny both: "cannot update memory while another memory change is in
        # progress", "cannot update while VMI migration is in progress"
        pytest.param(
            cluster("v1.1.0", vmi=make_vmi(conditions=IN_FLIGHT)),
            "hotplug-in-flight",
            id="change in flight",
        ),
        pytest.param(
            replace(
                cluster("v1.1.0"),
                migrations={make_vm().ref: (make_migration(phase="Running"),)},
            ),
            "migration-in-flight",
            id="migration in flight",
        ),
    ],
)
def test_memory_change_on_kubevirt_v1_1_waits_while_the_webhook_would_deny_the_patch(live, reason):
    assert effect(live) == ("wait", reason)


# v1.1.0 vms-admitter.go:865-939 comes before every check of virt-controller.
UNABLE = {
    "cannot migrate": (
        make_vmi(guest="2Gi", conditions={"LiveMigratable": condition("False")}),
        {},
    ),
    "not known to be migratable": (make_vmi(guest="2Gi", conditions={}), {}),
    "no maxGuest": (make_vmi(guest="2Gi", max_guest=None), {}),
    "a limit and no maxGuest": (
        make_vmi(guest="2Gi", max_guest=None, constraints=CONFIGURATIONS["limits"]),
        {"constraints": CONFIGURATIONS["limits"]},
    ),
    "in flight": (replace(make_vmi(guest="2Gi", conditions=IN_FLIGHT), guest=q("3Gi")), {}),
}


@pytest.mark.parametrize(("vmi", "vm"), UNABLE.values(), ids=UNABLE)
def test_kubevirt_v1_1_denies_a_size_below_the_boot_size_before_other_checks(vmi, vm):
    assert effect(cluster("v1.1.1", vmi=vmi, guest="2Gi", **vm), "1Gi") == DENIED


@pytest.mark.parametrize(
    ("version", "switch", "expected"),
    [
        ("v1.1.1", False, ("restart", "live-update-features-unset")),
        ("v1.2.0", True, ("restart", "not-migratable")),
    ],
)
def test_kubevirt_v1_1_allows_a_size_below_the_boot_size_without_live_update_features(
    version, switch, expected
):
    vmi, _ = UNABLE["cannot migrate"]
    assert effect(cluster(version, switch=switch, vmi=vmi, guest="2Gi"), "1Gi") == expected


def migrating(live, phase="Running"):
    return replace(live, migrations={make_vm().ref: (make_migration(phase=phase),)})


FLYING = replace(make_vmi(conditions=IN_FLIGHT), guest=q("2Gi"))
FIXED = {"LiveMigratable": condition("False"), "HotMemoryChange": condition("True")}
ABOVE = ("restart", "above-max-guest")


# "cannot update memory while another memory change is in progress" and "cannot update while VMI
# migration is in progress": every size is denied until the migration ends.
@pytest.mark.parametrize(
    ("live", "guest", "expected"),
    [
        (cluster("v1.1.1"), "8Gi", ABOVE),
        (cluster("v1.1.1", vmi=FLYING, guest="2Gi"), "8Gi", ("wait", "hotplug-in-flight")),
        (
            cluster("v1.1.1", vmi=FLYING, guest="2Gi"),
            "2000000000",
            ("wait", "hotplug-in-flight"),
        ),
        (migrating(cluster("v1.1.1")), "8Gi", ("wait", "migration-in-flight")),
        (migrating(cluster("v1.1.1"), "Succeeded"), "8Gi", ABOVE),
        (
            migrating(cluster("v1.1.1", switch=False)),
            "8Gi",
            ("restart", "live-update-features-unset"),
        ),
        (
            cluster("v1.1.1", vmi=replace(FLYING, conditions=FIXED), guest="2Gi"),
            "3Gi",
            ("blocked", "hotplug-stuck"),
        ),
        (cluster("v1.2.0", vmi=FLYING, guest="2Gi"), "8Gi", ABOVE),
        (migrating(cluster("v1.2.0")), "8Gi", ABOVE),
    ],
)
def test_kubevirt_v1_1_denies_every_memory_change_during_another_change_or_a_migration(
    live, guest, expected
):
    assert effect(live, guest) == expected


def test_message_about_a_waiting_vm_on_v1_1_says_what_happens_after_the_current_change():
    live = cluster("v1.1.1", vmi=FLYING, guest="2Gi")
    (decision,) = plan_of(make_desired(want("8Gi")), live).decisions
    assert decision.why.message == (
        "an earlier change to 2Gi is in progress and cannot be cancelled, and KubeVirt's webhook "
        "denies every other size until this change has ended; after that: 8Gi is above maxGuest "
        "4Gi, which was fixed when the VM booted"
    )


def test_memory_size_written_without_live_update_features_on_v1_1_needs_a_restart():
    live = cluster("v1.1.0", switch=False, guest="2Gi")
    assert effect(live) == ("restart", "restart-pending")
    assert effect(cluster("v1.1.0", switch=False)) == ("restart", "live-update-features-unset")


@pytest.mark.parametrize("version", ["v1.1.0", "v1.3.1", "v1.6.3", "v1.9.0"])
def test_guest_size_that_is_a_number_in_git_is_patched_as_a_string(version):
    # recorded: v1.3.1 denies a number, v1.6.3 and v1.9.0 take both
    (decision,) = plan_of(make_desired(want(2147483648)), cluster(version)).decisions
    assert decision.actions[0].patch[-1].value == "2147483648"


def test_new_vm_is_created_with_a_string_if_the_guest_size_in_git_is_a_number():
    memory = {"guest": 2147483648, "maxGuest": "4Gi"}
    manifest = {"spec": {"template": {"spec": {"domain": {"memory": memory}}}}}
    desired = make_desired(want(2147483648, manifest=manifest))
    (decision,) = plan_of(desired, make_live(), create=True).decisions
    sent = decision.actions[0].manifest["spec"]["template"]["spec"]["domain"]["memory"]
    assert sent == {"guest": "2147483648", "maxGuest": "4Gi"}
    assert memory["guest"] == 2147483648


def test_vm_on_kubevirt_v1_1_is_up_to_date_if_its_guest_has_the_desired_size():
    live = cluster("v1.1.0", switch=False, guest="2Gi", vmi=make_vmi(guest="2Gi"))
    assert effect(live) == ("none", "converged")


# v1.1 has no strategy, so no VM booted before it: v1.1.0 vms-admitter.go:440-446.
@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v1.1.0", "when spec.liveUpdateFeatures.memory or the feature gate"),
        ("v1.2.0", "before LiveUpdate was in effect"),
    ],
)
def test_restart_message_says_why_the_vm_booted_without_max_guest(version, said):
    live = cluster(version, vmi=make_vmi(max_guest=None))
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert decision.reason.value == "booted-before-live-update"
    assert said in decision.why.message
