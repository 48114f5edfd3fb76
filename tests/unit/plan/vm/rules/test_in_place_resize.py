"""Tests memory changes in the running pod, without a migration (inferred from VEP 45)."""

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
)
from support.capacity_builders import capacity, launcher, node, use

from reconciler.model.fields import FEATURE_GATES, NameSet
from reconciler.model.live.capacity import Quota
from reconciler.model.live.live_state import Constraints
from reconciler.model.quantity import GIB
from reconciler.plan.capacity.capacity_warnings import migrates
from reconciler.plan.timing.disruption import Disruption, disruption_of

IN_PLACE = ("live", "in-place")
GATE = ("InPlaceHotplug",)


def live(*, version="v1.9.0", gates=GATE, found=None, nodes=("8Gi",), vm=None, **vmi):
    kubevirt = make_kubevirt(version)
    settings = {**kubevirt.settings, FEATURE_GATES: NameSet.of(gates)}
    sizes = [node(f"node0{number}", size) for number, size in enumerate(nodes, 1)]
    return make_live(
        vm or make_vm(),
        vmis=(make_vmi(**vmi),),
        nodes=tuple(sizes),
        capacity=found,
        kubevirt=replace(kubevirt, settings=settings),
    )


def judged(state, guest="2Gi"):
    return effect_of(make_desired(want(guest)), state)


@pytest.mark.parametrize(
    ("version", "gates", "expected"),
    [
        ("v1.9.0", GATE, IN_PLACE),
        ("v1.9.0", (), ("blocked", "no-other-node")),
        ("v1.8.4", GATE, ("blocked", "no-other-node")),
    ],
)
def test_memory_of_a_vm_in_a_single_node_cluster_grows_in_place_only_if_the_feature_gate_is_set(
    version, gates, expected
):
    assert judged(live(version=version, gates=gates)) == expected


def test_vm_that_cannot_migrate_grows_in_place():
    state = live(conditions={"LiveMigratable": condition("False")})
    assert judged(state) == IN_PLACE
    (decision,) = plan_of(make_desired(want("2Gi")), state).decisions
    assert "without a migration" in decision.why.message
    assert "inferred" in decision.why.message


def test_in_place_resize_does_not_disrupt_the_vm():
    (decision,) = plan_of(make_desired(want("2Gi")), live()).decisions
    assert disruption_of(decision) is Disruption.NONE
    assert not migrates(decision)


@pytest.mark.parametrize(
    "constraints", [Constraints(dedicated_cpus=True), Constraints(hugepages="2Mi")]
)
def test_memory_change_of_a_vm_with_dedicated_cpus_or_huge_pages_needs_a_migration(constraints):
    state = live(constraints=replace(constraints, architecture="amd64"))
    assert judged(state) == ("blocked", "no-other-node")


def test_memory_reduction_needs_a_migration_instead_of_an_in_place_resize():
    state = live(vm=make_vm(guest="2Gi"), guest="2Gi", guest_at_boot=q("1Gi"))
    assert judged(state, "1Gi") == ("blocked", "no-other-node")


@pytest.mark.parametrize(
    ("taken", "expected"),
    [(3 * GIB, IN_PLACE), (3 * GIB + 1, ("blocked", "no-node-with-room"))],
)
def test_in_place_resize_needs_free_memory_on_the_vms_node_only_for_the_growth(taken, expected):
    found = capacity({"node01": use(taken)})
    assert judged(live(found=found, nodes=("4Gi", "64Gi"))) == expected


@pytest.mark.parametrize(
    ("left", "expected"), [(GIB, IN_PLACE), (GIB - 1, ("blocked", "quota-would-refuse"))]
)
def test_in_place_resize_needs_quota_capacity_only_for_the_growth(left, expected):
    used = 4 * GIB
    quota = Quota(
        name="mem", hard={"requests.memory": used + left}, used={"requests.memory": used}
    )
    assert judged(live(found=capacity(quotas=(quota,)))) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PodResourceResizeInProgress", ("wait", "in-flight")),
        ("ResizeInfeasible", ("blocked", "no-node-with-room")),
        ("Other", ("wait", "in-flight")),
    ],
)
def test_in_place_resize_counts_as_in_progress_until_the_node_rejects_the_larger_pod(
    name, expected
):
    changing = {each: condition("True") for each in ("LiveMigratable", "HotMemoryChange", name)}
    state = live(
        vm=make_vm(guest="2Gi"),
        guest="2Gi",
        guest_at_boot=q("1Gi"),
        guest_requested=q("1Gi"),
        guest_current=q("1Gi"),
        conditions=changing,
    )
    assert judged(state) == expected


@pytest.mark.parametrize(
    ("pod", "left", "words", "hint"),
    [
        (GIB, GIB, "has not been resized for 2Gi yet", ""),
        (GIB, GIB - 1, "yet: the quota mem rejects the larger launcher pod", "raise the Resource"),
        (2 * GIB, 0, "the launcher pod has grown; 2Gi is being hotplugged", ""),
        (None, GIB, "KubeVirt is growing the launcher pod for 2Gi", ""),
    ],
)
def test_in_place_resize_that_has_not_started_names_the_quota_that_refuses_it(
    pod, left, words, hint
):
    quota = Quota(
        name="mem", hard={"requests.memory": 4 * GIB + left}, used={"requests.memory": 4 * GIB}
    )
    pods = {"vmi-pg-0": (launcher("node01", pod),)} if pod else {}
    state = live(
        vm=make_vm(guest="2Gi"),
        found=capacity(quotas=(quota,), launchers=pods),
        guest="2Gi",
        guest_at_boot=q("1Gi"),
        guest_requested=q("1Gi"),
        guest_current=q("1Gi"),
        conditions={each: condition("True") for each in ("LiveMigratable", "HotMemoryChange")},
    )
    (decision,) = plan_of(make_desired(want("2Gi")), state).decisions
    assert (decision.effect.value, decision.reason.value) == ("wait", "in-flight")
    assert words in decision.why.message
    assert decision.why.hint.startswith(hint)
    assert bool(decision.why.hint) is bool(hint)


EARLIER = NOW - timedelta(days=7)


@pytest.mark.parametrize(
    ("waited_s", "migrated", "expected"),
    [
        (299, None, ("wait", "guest-accepting")),
        (300, None, ("blocked", "guest-silent")),
        # An earlier migration has not carried out the resize in place.
        (299, EARLIER, ("wait", "guest-accepting")),
        (300, EARLIER, ("blocked", "guest-silent")),
        # A migration after the write has carried out the change.
        (300, NOW - timedelta(seconds=299), ("wait", "guest-accepting")),
    ],
)
def test_guest_that_does_not_use_memory_that_grew_in_place_is_reported_after_the_timeout(
    waited_s, migrated, expected
):
    written = make_vm(guest="2Gi", guest_changed_at=NOW - timedelta(seconds=waited_s))
    state = live(
        vm=written,
        guest="2Gi",
        guest_requested=q("2Gi"),
        guest_current=q("1Gi"),
        migration_ended_at=migrated,
    )
    assert judged(state) == expected
