"""Tests how changes to a VM's instancetype are planned on each KubeVirt version."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    VM,
    condition,
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
from reconciler.model.live.live_state import Constraints, LiveInstancetype
from reconciler.model.references import CLUSTER_INSTANCETYPE, INSTANCETYPE, Uid, instancetype_ref

GATED = {"featureGates": NameSet.of(("VMLiveUpdateFeatures",)), "vmRolloutStrategy": "LiveUpdate"}


def kind(name: str, guest: str, *, scope: str = INSTANCETYPE, **overrides) -> LiveInstancetype:
    base = LiveInstancetype(
        ref=instancetype_ref(scope, VM.namespace, name),
        uid=Uid(f"uid-{name}"),
        generation=1,
        guest=q(guest),
        cpus=1,
    )
    return replace(base, **overrides)


SMALL, LARGE = kind("small", "1Gi"), kind("large", "2Gi")


def sized(name: str = "small", **overrides):
    held = f"pg-0-{name}-v1beta1-uid-{name}-1"
    named = {"instancetype": name, "instancetype_kind": INSTANCETYPE, "revision": held}
    return make_vm(guest=None, memory_present=False, **named | overrides)


def cluster(vm=None, vmi=None, *, types=(SMALL, LARGE), version="v1.9.0", **overrides):
    kinds = frozenset({INSTANCETYPE, CLUSTER_INSTANCETYPE})
    live = make_live(
        vm or sized(),
        vmis=(vmi or make_vmi(),),
        kubevirt=with_settings(make_kubevirt(version), **GATED),
        instancetypes={each.ref: each for each in types},
        instancetype_kinds=kinds,
    )
    return replace(live, **overrides)


def ask(name: str = "large", **overrides):
    return want(None, instancetype=name, **overrides)


def decided(live, desired=None, **policy):
    (decision,) = plan_of(make_desired(desired or ask()), live, **policy).decisions
    return decision


def told(decision):
    return decision.effect.value, decision.reason.value


def patch_of(decision):
    return [op.plain() for action in decision.actions for op in action.patch]


SAME = [
    {"op": "test", "path": "/metadata/uid", "value": "uid-pg-0"},
    {"op": "test", "path": "/spec/instancetype/name", "value": "small"},
]
NAME = {"op": "replace", "path": "/spec/instancetype/name", "value": "large"}


@pytest.mark.parametrize("version", ["v1.3.0", "v1.3.1", "v1.4.0"])
def test_instancetype_patch_removes_the_revision_name_from_the_vm_spec(version):
    # recorded v1.3.1 instancetype-change: denied without; v1.4.0 tests/hotplug/instancetype.go
    decision = decided(cluster(sized(revision_name="pg-0-small-1"), version=version))
    assert told(decision) == ("live", "hotplug")
    path = "/spec/instancetype/revisionName"
    assert patch_of(decision) == [
        *SAME,
        {"op": "test", "path": path, "value": "pg-0-small-1"},
        NAME,
        {"op": "remove", "path": path},
    ]


@pytest.mark.parametrize("version", ["v1.3.1", "v1.5.0", "v1.6.3", "v1.9.0"])
def test_instancetype_patch_writes_only_the_name_if_the_vm_has_no_revision_name(
    version,
):
    # recorded v1.6.3 and v1.9.0 instancetype-change
    decision = decided(cluster(version=version))
    assert (told(decision), patch_of(decision)) == (("live", "hotplug"), [*SAME, NAME])
    (change,) = decision.changes
    assert (change.field, change.before, change.after) == (
        fields.INSTANCETYPE_NAME,
        "small",
        "large",
    )
    assert decision.target == q("2Gi")


@pytest.mark.parametrize(
    ("version", "own_max", "expected"),
    [
        # v1.2.0 vms-admitter.go:430-567 checks VMs with their own maxGuest; removed in v1.2.1.
        # v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349 compares the template, without its type.
        ("v1.1.0", "4Gi", ("restart", "live-update-features-unset")),
        ("v1.2.0", "4Gi", ("blocked", "denied-by-admission")),
        ("v1.2.1", "4Gi", ("restart", "instancetype-not-live")),
        ("v1.3.0", "4Gi", ("live", "hotplug")),
        ("v1.1.0", None, ("restart", "live-update-features-unset")),
        ("v1.2.0", None, ("restart", "instancetype-not-live")),
        ("v1.2.1", None, ("restart", "instancetype-not-live")),
        ("v1.9.0", None, ("live", "hotplug")),
    ],
)
def test_planned_effect_of_a_new_instancetype_name_depends_on_the_kubevirt_version(
    version, own_max, expected
):
    vm = sized(max_guest=q(own_max) if own_max else None)
    assert told(decided(cluster(vm, version=version))) == expected


@pytest.mark.parametrize("own_max", [None, "4Gi"])
def test_kubevirt_v1_1_denies_a_new_instancetype_name_of_a_vm_with_live_updates(own_max):
    # v1.1.0 vms-admitter.go:456-592, under spec.liveUpdateFeatures
    vm = sized(max_guest=q(own_max) if own_max else None, live_update_memory=True)
    expected = ("blocked", "denied-by-admission")
    assert told(decided(cluster(vm, version="v1.1.0"))) == expected


# v1.2.0 vms-admitter.go:430-567 is reached under LiveUpdate alone, v1.2.0 virt-config.go:463-470;
# v1.1.0 has no strategy, so the switch decides.
@pytest.mark.parametrize(
    ("version", "switch", "settings", "expected"),
    [
        ("v1.2.0", False, {"featureGates": None}, ("restart", "gate-missing")),
        ("v1.2.0", False, {"vmRolloutStrategy": "Stage"}, ("restart", "strategy-stage")),
        ("v1.2.0", False, {}, ("blocked", "denied-by-admission")),
        ("v1.1.0", True, {"featureGates": None}, ("blocked", "denied-by-admission")),
        ("v1.1.0", False, {"featureGates": None}, ("restart", "gate-missing")),
    ],
)
@pytest.mark.parametrize("owner", ["the VM", "the new type"])
def test_old_kubevirt_versions_deny_a_new_instancetype_name_only_if_live_updates_are_enabled(
    version, switch, settings, expected, owner
):
    own = q("4Gi")
    vm = sized(max_guest=own if owner == "the VM" else None, live_update_memory=switch)
    large = LARGE if owner == "the VM" else kind("large", "2Gi", max_guest=own)
    live = cluster(vm, types=(SMALL, large), version=version)
    live = replace(live, kubevirt=with_settings(live.kubevirt, **settings))
    assert told(decided(live)) == expected


def test_stopped_vm_starts_with_the_new_instancetype():
    live = replace(cluster(), vmis={})
    assert told(decided(live)) == ("cold", "not-running")
    assert patch_of(decided(live)) == [*SAME, NAME]


RULES = [
    pytest.param(
        cluster(types=(SMALL, kind("large", "5Gi"))),
        ("restart", "above-max-guest"),
        id="above the maxGuest of the running instance",
    ),
    pytest.param(
        cluster(types=(SMALL, kind("large", "1500001Ki"))),
        ("restart", "misaligned"),
        id="misaligned",
    ),
    pytest.param(
        cluster(vmi=make_vmi(guest="4Gi", max_guest="16Gi"), types=(SMALL, LARGE)),
        ("restart", "below-boot-memory"),
        id="below the boot size",
    ),
    pytest.param(
        cluster(
            types=(
                kind("small", "1Gi", max_guest=q("2Gi")),
                kind("large", "3Gi", max_guest=q("2Gi")),
            )
        ),
        ("blocked", "denied-above-max-guest"),
        id="above the type's own maxGuest",
    ),
    pytest.param(
        cluster(vmi=make_vmi(conditions={"LiveMigratable": condition("False")})),
        ("restart", "not-migratable"),
        id="not migratable",
    ),
    pytest.param(
        cluster(vmi=make_vmi(guest="2Gi")), ("live", "back-to-running-value"), id="the same size"
    ),
    pytest.param(cluster(sized(suspended=True)), ("none", "suspended"), id="suspended"),
    pytest.param(cluster(sized(deleting=True)), ("blocked", "being-deleted"), id="deleted"),
]


@pytest.mark.parametrize(("live", "expected"), RULES)
def test_memory_hotplug_rules_apply_to_the_size_of_the_new_instancetype(live, expected):
    assert told(decided(live)) == expected


DIFFERENCES = [
    # v1.9.0 vm.go:2989-3033: sockets, memory.guest and nodeSelector are copied over, no other
    pytest.param({"others": {"schedulerName": '"slow"'}}, "schedulerName unset -> ", id="field"),
    pytest.param({"others": {"cpu.maxSockets": "8"}}, "cpu.maxSockets unset -> 8", id="sockets"),
    pytest.param({"max_guest": q("8Gi")}, "memory.maxGuest unset -> 8Gi", id="maxGuest"),
    pytest.param({"overcommit_percent": 50}, "overcommitPercent", id="overcommit"),
    pytest.param({"cpus": 8}, "cpu.guest 1 -> 8 (at most 4 sockets)", id="too many sockets"),
    pytest.param({"cpus": 0}, "cpu.guest 1 -> 0", id="fewer CPUs"),
]


@pytest.mark.parametrize(("difference", "says"), DIFFERENCES)
def test_instancetype_change_that_cannot_take_effect_live_needs_a_restart(difference, says):
    live = cluster(vmi=make_vmi(max_sockets=4), types=(SMALL, replace(LARGE, **difference)))
    decision = decided(live)
    assert told(decision) == ("restart", "instancetype-differs-otherwise")
    assert says in decision.why.message


def test_change_to_an_instancetype_with_overcommit_needs_a_restart():
    # v1.9.0 pkg/instancetype/apply/memory.go: requests are a share of the size
    types = (kind("small", "1Gi", overcommit_percent=50), kind("large", "2Gi"))
    types = (types[0], replace(types[1], overcommit_percent=50))
    assert told(decided(cluster(types=types))) == ("restart", "instancetype-differs-otherwise")


@pytest.mark.parametrize(
    ("difference", "says"),
    [
        ({"cpus": 4}, "the VM's CPUs also change, from 1 to 4"),
        ({"others": {"nodeSelector.zone": '"a"'}}, "the VM's nodeSelector also changes"),
    ],
)
def test_live_instancetype_change_causes_a_warning_about_changed_fields_other_than_memory(
    difference, says
):
    live = cluster(vmi=make_vmi(max_sockets=4), types=(SMALL, replace(LARGE, **difference)))
    decision = decided(live)
    assert told(decision) == ("live", "hotplug")
    assert [says in each for each in decision.warnings] == [True]


def test_instancetype_change_that_affects_only_memory_causes_no_warning():
    alike = {"others": {"ioThreadsPolicy": '"auto"'}, "max_guest": q("8Gi")}
    live = cluster(types=(replace(SMALL, **alike), replace(LARGE, **alike)))
    assert (told(decided(live)), decided(live).warnings) == (("live", "hotplug"), ())


NOWHERE = [
    pytest.param((SMALL, LARGE), "larg", "did you mean large?", id="a typing error"),
    pytest.param(
        (SMALL,),
        "huge",
        "correct the name in Git, or create the instancetype",
        id="no similar name",
    ),
    pytest.param(
        (SMALL, kind("large", "2Gi", scope=CLUSTER_INSTANCETYPE)),
        "large",
        "a VirtualMachineClusterInstancetype with that name exists, but the VM refers to a "
        "VirtualMachineInstancetype",
        id="same name with the other kind",
    ),
]


@pytest.mark.parametrize(("types", "name", "hint"), NOWHERE)
def test_vm_change_to_a_missing_instancetype_is_blocked(types, name, hint):
    decision = decided(cluster(types=types), ask(name))
    assert told(decision) == ("blocked", "instancetype-not-found")
    assert decision.why.message == (
        f"the VirtualMachineInstancetype db/{name} does not exist, so KubeVirt's webhook denies "
        "the change"
    )
    assert (decision.why.hint, decision.actions) == (hint, ())


def test_instancetype_in_a_namespace_other_than_the_vms_is_not_used():
    other = replace(LARGE, ref=instancetype_ref(INSTANCETYPE, "web", "large"))
    decision = decided(cluster(types=(SMALL, other)))
    assert told(decision) == ("blocked", "instancetype-not-found")
    assert [(each.before, each.after) for each in decision.changes] == [("small", "large")]


def test_vm_change_to_an_unreadable_instancetype_is_blocked():
    live = cluster(types=(), instancetype_kinds=frozenset({CLUSTER_INSTANCETYPE}))
    assert told(decided(live)) == ("blocked", "instancetype-unreadable")


@pytest.mark.parametrize("spelled", ["", "virtualmachineclusterinstancetypes", None])
def test_instancetype_reference_without_a_kind_selects_a_cluster_instancetype(spelled):
    # v1.9.0 pkg/instancetype/find/spec.go
    types = [kind("small", "1Gi", scope=CLUSTER_INSTANCETYPE)]
    types.append(kind("large", "2Gi", scope=CLUSTER_INSTANCETYPE))
    live = cluster(sized(instancetype_kind=""), types=types)
    assert told(decided(live, ask(instancetype_kind=spelled))) == ("live", "hotplug")


@pytest.mark.parametrize(
    ("vm", "desired"),
    [
        pytest.param(make_vm(), ask(), id="VM with its own size"),
        pytest.param(sized(), ask(instancetype_kind=CLUSTER_INSTANCETYPE), id="another kind"),
    ],
)
def test_vm_change_to_an_instancetype_of_a_different_kind_is_blocked(vm, desired):
    decision = decided(cluster(vm), desired)
    assert told(decision) == ("blocked", "instancetype-change")
    assert decision.actions == ()


def test_memory_change_is_blocked_if_git_sets_a_guest_size_for_a_vm_with_an_instancetype():
    # recorded v1.3.1, v1.6.3, v1.9.0 instancetype-and-guest
    assert told(decided(cluster(), want("2Gi"))) == ("blocked", "memory-from-instancetype")


def changing():
    conditions = {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}
    return replace(make_vmi(conditions=conditions), guest=q("2Gi"))


STANDING = [
    # recorded v1.9.0 instancetype-change, from the patch to the end
    pytest.param(make_vmi(), ("wait", "in-flight"), id="the VMI has the old size"),
    pytest.param(changing(), ("wait", "in-flight"), id="HotMemoryChange"),
    pytest.param(
        replace(make_vmi(guest="2Gi"), guest_current=q("1Gi")),
        ("wait", "guest-accepting"),
        id="guest does not have the size yet",
    ),
    pytest.param(make_vmi(guest="2Gi"), ("none", "converged"), id="guest has the size"),
]


@pytest.mark.parametrize("revision", ["pg-0-large-v1beta1-uid-large-1", ""])
@pytest.mark.parametrize(("vmi", "expected"), STANDING)
def test_vm_with_a_new_instancetype_is_up_to_date_when_its_guest_has_the_new_size(
    vmi, revision, expected
):
    decision = decided(cluster(sized("large", revision=revision), vmi))
    assert (told(decision), decision.changes) == (expected, ())


def test_vm_waits_for_a_restart_if_a_new_instancetype_sets_restart_required():
    waiting = {"RestartRequired": condition("True", message="memory updated ...")}
    assert told(decided(cluster(sized("large", conditions=waiting)))) == (
        "restart",
        "restart-pending",
    )


def test_vm_keeps_its_old_instancetype_revision_after_the_instancetype_was_edited():
    # editing the instancetype does not change VMs that have a ControllerRevision of it
    edited = kind("small", "8Gi", generation=2)
    decision = decided(cluster(types=(edited,)), ask("small"))
    assert told(decision) == ("none", "converged")
    assert "uses an older revision of small" in decision.warnings[0]


def test_unreadable_instancetype_does_not_affect_a_stopped_vm_that_already_uses_the_instancetype():
    live = cluster(types=(), instancetype_kinds=frozenset(), vmis={})
    decision = decided(live, ask("small"))
    assert told(decision) == ("none", "stopped-as-desired")


def test_plan_shows_the_instancetype_size_of_a_stopped_vm():
    decision = decided(replace(cluster(), vmis={}), ask("small"))
    assert told(decision) == ("none", "stopped-as-desired")
    assert "it starts with 1Gi" in decision.why.message


def test_instancetype_change_is_blocked_if_max_guest_of_the_instancetype_conflicts_with_the_vm():
    # v1.9.0 vms-admitter.go:279-296 checks the VM with its instancetype applied
    wanted = replace(LARGE, max_guest=q("4Gi"), constraints=Constraints(realtime=True))
    decision = decided(cluster(types=(SMALL, wanted)))
    assert told(decision) == ("blocked", "denied-by-admission")


def test_instancetypes_are_not_compared_if_the_vm_uses_an_older_revision():
    edited = kind("small", "1Gi", generation=2, others={"schedulerName": '"slow"'})
    decision = decided(cluster(types=(edited, LARGE)))
    assert told(decision) == ("live", "hotplug")
    assert "uses an older revision of small" in decision.warnings[0]


def test_deletion_of_a_vm_takes_precedence_over_a_missing_instancetype():
    assert told(decided(cluster(sized(deleting=True)), ask("none"))) == (
        "blocked",
        "being-deleted",
    )
