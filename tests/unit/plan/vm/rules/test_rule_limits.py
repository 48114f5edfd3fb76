"""Tests planning rules with values at, just below and just above their limits."""

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
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
    with_settings,
)

from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import Constraints, LiveNode

CHANGING = {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}


@pytest.mark.parametrize(
    ("cluster_max", "expected"),
    [
        # pkg/defaults/defaults.go:115-135: only a maxGuest below the size disables hotplug
        ("4Gi", ("restart", "no-max-guest")),
        ("8Gi", ("restart", "booted-before-live-update")),
        ("16Gi", ("restart", "booted-before-live-update")),
    ],
)
def test_cluster_wide_max_guest_below_the_boot_size_disables_memory_hotplug(cluster_max, expected):
    live = make_live(
        make_vm(guest="8Gi"),
        vmis=(make_vmi(guest="8Gi", max_guest=None),),
        kubevirt=with_settings(make_kubevirt(), maxGuest=q(cluster_max)),
    )
    assert effect_of(make_desired(want("10Gi")), live) == expected


# v1.9.0 pkg/liveupdate/memory/memory.go:53-107, check 8, also runs at the start of an instance.
@pytest.mark.parametrize(
    ("cluster_max", "page", "own", "expected"),
    [
        ("5000M", None, None, ("restart", "no-max-guest")),
        ("4609Mi", None, None, ("restart", "no-max-guest")),
        ("4610Mi", None, None, ("restart", "booted-before-live-update")),
        ("4610Mi", "1Gi", None, ("restart", "no-max-guest")),
        ("5Gi", "1Gi", None, ("restart", "booted-before-live-update")),
        ("5000M", None, "8Gi", ("restart", "booted-before-live-update")),
    ],
)
def test_cluster_wide_max_guest_that_is_not_a_multiple_of_the_block_size_disables_hotplug(
    cluster_max, page, own, expected
):
    constraints = Constraints(hugepages=page)
    live = make_live(
        make_vm(guest="2Gi", constraints=constraints, max_guest=q(own) if own else None),
        vmis=(make_vmi(guest="2Gi", max_guest=None, constraints=constraints),),
        kubevirt=with_settings(make_kubevirt(), maxGuest=q(cluster_max)),
    )
    assert effect_of(make_desired(want("3Gi")), live) == expected


def test_hint_about_a_misaligned_cluster_wide_max_guest_suggests_aligned_sizes():
    live = make_live(
        make_vm(guest="2Gi"),
        vmis=(make_vmi(guest="2Gi", max_guest=None),),
        kubevirt=with_settings(make_kubevirt(), maxGuest=q("5000M")),
    )
    (decision,) = plan_of(make_desired(want("3Gi")), live).decisions
    assert (
        "the cluster's maxGuest 5000M is not a multiple of the memory block size 2Mi"
        in decision.why.message
    )
    assert "use 4768Mi or 4770Mi instead" in decision.why.hint


# This check uses the maxGuest of the running instance; admission uses the VM's own.
@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, ("restart", "misaligned")), ("5000M", ("blocked", "denied-by-admission"))],
)
def test_misaligned_max_guest_of_a_running_vm_prevents_memory_hotplug(own, expected):
    live = make_live(
        make_vm(max_guest=q(own) if own else None), vmis=(make_vmi(max_guest="5000M"),)
    )
    assert effect_of(make_desired(want("2Gi")), live) == expected
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert (
        "the VM's maxGuest 5000M is not a multiple of the memory block size 2Mi"
        in decision.why.message
    )


@pytest.mark.parametrize(
    ("guest", "hint"),
    [("1000m", "use 2Mi instead"), ("1Mi", "use 2Mi instead"), ("3Mi", "use 2Mi or 4Mi instead")],
)
def test_hint_about_a_misaligned_memory_size_never_suggests_zero(guest, hint):
    live = make_live(make_vm(), vmis=(make_vmi(),))
    (decision,) = plan_of(make_desired(want(guest)), live).decisions
    assert (decision.reason.value, decision.why.hint) == ("misaligned", hint)


@pytest.mark.parametrize(
    ("page", "guest", "denied"),
    [
        # v1.9.0 vmi-create-admitter.go:1067-1096
        ("1Gi", "512Mi", True),
        ("1Gi", "1Gi", False),
        ("1Gi", "1536Mi", True),
        ("1Gi", "2Gi", False),
        ("2Mi", "2049Mi", True),
        ("2Mi", "2050Mi", False),
    ],
)
def test_guest_size_in_git_must_be_a_multiple_of_the_huge_page_size(page, guest, denied):
    vm = make_vm(guest="4Gi", constraints=Constraints(hugepages=page))
    expected = ("blocked", "denied-by-admission") if denied else ("cold", "not-running")
    assert effect_of(make_desired(want(guest)), make_live(vm)) == expected


@pytest.mark.parametrize("guest", ["2049Mi", "1Mi"])
def test_huge_page_size_check_uses_the_vm_memory_requests_if_they_are_set(guest):
    # v1.9.0 vmi-create-admitter.go:1067-1096: requests, else guest
    vm = make_vm(guest="4Gi", constraints=Constraints(hugepages="2Mi", requests=q("4Gi")))
    assert effect_of(make_desired(want(guest)), make_live(vm)) == ("cold", "not-running")


# Recorded v1.3.1 and v1.6.3: arm64 is denied without MultiArchitecture; v1.9.0: it is not.
@pytest.mark.parametrize(
    ("version", "architecture", "gates", "nodes", "denied"),
    [
        ("v1.6.3", "arm64", (), ("amd64",), True),
        ("v1.6.3", "arm64", (), (None,), True),
        ("v1.6.3", "arm64", (), ("arm64", "amd64"), True),
        ("v1.6.3", "arm64", (), ("arm64",), False),
        ("v1.6.3", "arm64", ("MultiArchitecture",), ("amd64",), False),
        ("v1.6.3", "amd64", (), ("amd64",), False),
        ("v1.6.3", "", (), ("amd64",), False),
        ("v1.9.0", "arm64", (), ("amd64",), False),
    ],
)
def test_vm_needs_the_feature_gate_multi_architecture_if_a_node_has_another_cpu_architecture(
    version, architecture, gates, nodes, denied
):
    listed = NameSet.of(("VMLiveUpdateFeatures", *gates))
    live = make_live(
        make_vm(constraints=Constraints(architecture=architecture)),
        kubevirt=with_settings(make_kubevirt(version), featureGates=listed),
        nodes=tuple(
            LiveNode(name=f"n{n}", schedulable=True, labels={"kubernetes.io/arch": a} if a else {})
            for n, a in enumerate(nodes)
        ),
    )
    expected = ("blocked", "denied-by-admission") if denied else ("cold", "not-running")
    assert effect_of(make_desired(want("2Gi")), live) == expected


@pytest.mark.parametrize(("limit", "denied"), [("2Gi", True), ("3Gi", False), ("4Gi", False)])
def test_guest_size_equal_to_the_memory_limit_is_allowed_under_the_stage_strategy(limit, denied):
    vm = make_vm(constraints=Constraints(limits=q(limit)))
    kubevirt = with_settings(make_kubevirt(), vmRolloutStrategy="Stage")
    expected = ("blocked", "denied-by-admission") if denied else ("cold", "not-running")
    assert effect_of(make_desired(want("3Gi")), make_live(vm, kubevirt=kubevirt)) == expected


@pytest.mark.parametrize(
    ("succeeded", "before", "expected"),
    [
        (0, 2, "in-flight"),
        (1, 0, "in-flight"),
        (1, 2, "in-flight"),
        (2, 0, "ineffective-migrations"),
        (3, 0, "ineffective-migrations"),
    ],
)
def test_memory_change_is_not_blocked_after_one_migration_that_did_not_hotplug_memory(
    succeeded, before, expected
):
    changed = NOW - timedelta(minutes=5)
    times = [changed - timedelta(minutes=1)] * before + [changed] * succeeded
    live = make_live(
        make_vm(guest="2Gi", guest_changed_at=changed),
        vmis=(replace(make_vmi(conditions=CHANGING), guest=q("2Gi")),),
        migrations=tuple(
            make_migration(phase="Succeeded", name=f"m-{n}", created_at=at)
            for n, at in enumerate(times)
        ),
    )
    assert effect_of(make_desired(want("2Gi")), live)[1] == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(899, ("wait", "starting")), (900, ("blocked", "not-starting"))],
)
def test_vm_is_blocked_if_it_has_not_started_after_fifteen_minutes(seconds, expected):
    created = NOW - timedelta(seconds=seconds)
    vmi = replace(make_vmi(), phase="Scheduling", created_at=created)
    live = make_live(make_vm(), vmis=(vmi,))
    assert effect_of(make_desired(want("1Gi")), live) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(299, ("wait", "guest-accepting")), (300, ("blocked", "guest-silent"))],
)
def test_guest_that_does_not_use_new_memory_is_reported_after_five_minutes(seconds, expected):
    vmi = replace(
        make_vmi(guest="2Gi"),
        guest_current=q("1Gi"),
        migration_ended_at=NOW - timedelta(seconds=seconds),
    )
    live = make_live(make_vm(guest="2Gi"), vmis=(vmi,))
    assert effect_of(make_desired(want("2Gi")), live) == expected


@pytest.mark.parametrize(
    ("in_git", "in_cluster", "says"),
    [
        (None, None, None),
        (None, "4Gi", None),
        ("4Gi", "4Gi", None),
        ("4096Mi", "4Gi", None),
        ("8Gi", "4Gi", "maxGuest is 8Gi in Git and 4Gi in the cluster"),
        ("2Gi", "4Gi", "maxGuest is 2Gi in Git and 4Gi in the cluster"),
        ("8Gi", None, "maxGuest is 8Gi in Git and none in the cluster"),
    ],
)
def test_max_guest_that_differs_between_git_and_the_vm_causes_only_a_warning(
    in_git, in_cluster, says
):
    # recorded write-maxguest-on-running; kubevirt issue 17610
    vm = make_vm(max_guest=q(in_cluster) if in_cluster else None)
    desired = make_desired(want("2Gi", max_guest=q(in_git) if in_git else None))
    (decision,) = plan_of(desired, make_live(vm, vmis=(make_vmi(),))).decisions
    assert [says in each for each in decision.warnings] == ([True] if says else [])
    assert [op.op for op in decision.actions[0].patch] == ["test", "test", "replace"]


OTHER = "a non-live-updatable field was changed in the template spec"


@pytest.mark.parametrize(
    ("since_s", "changed_s", "running", "expected"),
    [
        # recorded v1.9.0 stage-then-live-update; kubevirt v1.9.0 vm.go:3577-3599
        pytest.param(-1, 0, "1Gi", ("live", "hotplug"), id="condition set under Stage"),
        pytest.param(0, 0, "1Gi", ("live", "hotplug"), id="condition set in the same second"),
        pytest.param(
            1, 0, "1Gi", ("restart", "other-edit-pending"), id="condition set afterwards"
        ),
        pytest.param(-1, 0, "2Gi", ("restart", "other-edit-pending"), id="memory does not differ"),
        pytest.param(
            None, 0, "1Gi", ("restart", "other-edit-pending"), id="condition of unknown age"
        ),
        pytest.param(-1, None, "1Gi", ("restart", "other-edit-pending"), id="CR never changed"),
    ],
)
def test_restart_required_condition_from_before_the_switch_to_live_update_is_ignored(
    since_s, changed_s, running, expected
):
    then = NOW - timedelta(hours=1)
    since = None if since_s is None else then + timedelta(seconds=since_s)
    changed = None if changed_s is None else then + timedelta(seconds=changed_s)
    waiting = replace(condition("True", "", OTHER), since=since)
    live = make_live(
        make_vm(guest="2Gi", conditions={"RestartRequired": waiting}),
        vmis=(make_vmi(guest=running),),
        kubevirt=make_kubevirt(live_update_changed_at=changed),
    )
    assert effect_of(make_desired(want("3Gi")), live) == expected


@pytest.mark.parametrize("requested", ["1Gi", None])
@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_memory_change_is_in_progress_before_kubevirt_requests_the_new_size_from_libvirt(
    requested, phase
):
    changed = NOW - timedelta(minutes=5)
    ended = 1 if phase == "Succeeded" else 2
    live = make_live(
        make_vm(guest="2Gi", guest_changed_at=changed),
        vmis=(
            replace(make_vmi(guest="2Gi"), guest_requested=q(requested) if requested else None),
        ),
        migrations=tuple(make_migration(phase=phase, name=f"m-{n}") for n in range(ended)),
    )
    assert effect_of(make_desired(want("2Gi")), live) == ("wait", "in-flight")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("True", ("restart", "restart-required-sticky")),
        ("False", ("live", "hotplug")),
        ("Unknown", ("live", "hotplug")),
    ],
)
def test_restart_required_condition_has_an_effect_only_if_its_status_is_true(status, expected):
    live = make_live(
        make_vm(conditions={"RestartRequired": condition(status, "", "memory updated")}),
        vmis=(make_vmi(),),
        kubevirt=with_settings(make_kubevirt("v1.6.3"), vmRolloutStrategy="LiveUpdate"),
    )
    assert effect_of(make_desired(want("2Gi")), live) == expected


def test_finished_migrations_count_as_successful_if_the_vmi_has_the_new_memory_size():
    vmi = replace(make_vmi(guest="2Gi"), guest_current=q("1Gi"))
    live = make_live(
        make_vm(guest="2Gi", guest_changed_at=NOW - timedelta(minutes=5)),
        vmis=(vmi,),
        migrations=tuple(make_migration(phase="Succeeded", name=f"m-{n}") for n in range(3)),
    )
    assert effect_of(make_desired(want("2Gi")), live) == ("wait", "guest-accepting")
