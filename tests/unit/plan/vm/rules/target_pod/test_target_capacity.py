"""Tests that a live change needs capacity for its target pod on another node and in quotas."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
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
from support.capacity_builders import NEED, OVERHEAD, USED, capacity, launcher, node, use

from reconciler.model.live.capacity import Capacity, NodeUse, Quota, ResourceUse
from reconciler.model.live.live_state import Constraints, LiveNode
from reconciler.model.live.placement import NodeTerm, Placement, Requirement, Taint
from reconciler.model.quantity import GIB, MIB

LIVE = ("live", "hotplug")
NO_NODE = ("blocked", "no-node-with-room")
NO_QUOTA = ("blocked", "quota-would-refuse")
WAITS = ("wait", "waits-for-room")


def live(found: Capacity | None, *, nodes=None, vmi=None, **more):
    nodes = nodes if nodes is not None else (node("node01"), node("node02"))
    return make_live(make_vm(), vmis=(vmi or make_vmi(),), nodes=nodes, capacity=found, **more)


def judged(state, guest: str = "2Gi"):
    return effect_of(make_desired(want(guest)), state)


def only(state, guest: str = "2Gi"):
    (decision,) = plan_of(make_desired(want(guest)), state).decisions
    return decision


def test_memory_change_is_planned_as_live_if_node_and_quota_capacity_is_unknown():
    assert judged(live(None, nodes=(node("node01"), node("node02", "1Gi")))) == LIVE


@pytest.mark.parametrize(
    ("taken", "effect"),
    [
        pytest.param(4 * GIB - NEED, LIVE, id="just fits"),
        pytest.param(4 * GIB - NEED + 1, NO_NODE, id="one byte too little"),
    ],
)
def test_target_node_must_have_enough_free_memory_for_the_target_pods_whole_request(taken, effect):
    nodes = (node("node01"), node("node02", "4Gi"))
    assert judged(live(capacity({"node02": use(taken)}), nodes=nodes)) == effect


def test_message_about_a_blocked_change_contains_the_pod_request_and_the_best_node():
    nodes = (node("node01"), node("node02", "1Gi"), node("node03", "2Gi"))
    decision = only(live(capacity({"node03": use(512 * MIB)}), nodes=nodes))
    assert decision.why.message == (
        "the target pod requests 2316Mi, and no other node has this amount of memory free; "
        "node03 has the most: 1536Mi"
    )
    assert decision.why.hint
    assert decision.actions == ()


def test_source_node_of_a_migration_is_never_its_target_node():
    assert judged(live(capacity(), nodes=(node("node01"), node("node02", "1Gi")))) == NO_NODE


@pytest.mark.parametrize(
    ("labels", "selector", "effect"),
    [
        pytest.param({"zone": "a"}, {"zone": "a"}, LIVE, id="matching label"),
        pytest.param({"zone": "b"}, {"zone": "a"}, NO_NODE, id="another zone"),
        pytest.param({}, {"zone": "a"}, NO_NODE, id="no label"),
        pytest.param(
            {}, {"cpu-model.node.kubevirt.io/Haswell": "true"}, LIVE, id="a label that is not read"
        ),
    ],
)
def test_target_node_must_match_the_node_selector(labels, selector, effect):
    nodes = (node("node01", labels={"zone": "a"}), node("node02", labels=labels))
    vmi = make_vmi(node_selector=selector)
    assert judged(live(capacity(), nodes=nodes, vmi=vmi)) == effect


def test_message_about_a_blocked_change_contains_the_node_selector_that_no_node_matches():
    nodes = (node("node01", labels={"zone": "a"}), node("node02"))
    decision = only(live(capacity(), nodes=nodes, vmi=make_vmi(node_selector={"zone": "a"})))
    assert decision.why.message == (
        "apart from node01, no node that can run VMs has the labels of the VM's nodeSelector "
        "(zone=a)"
    )


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"kubernetes.io/hostname": "node01"}, "remove kubernetes.io/hostname"),
        ({"zone": "a"}, "label another node"),
    ],
)
def test_hint_does_not_suggest_a_different_node_if_the_node_selector_contains_a_hostname(
    selector, expected
):
    nodes = (node("node01", labels={"zone": "a"}), node("node02"))
    decision = only(live(capacity(), nodes=nodes, vmi=make_vmi(node_selector=selector)))
    assert decision.why.hint.startswith(expected)


# kubevirt v1.9.0 migration.go:986-1005; no other version is known to select by vendor.
@pytest.mark.parametrize(("version", "effect"), [("v1.9.0", NO_NODE), ("v1.8.0", LIVE)])
def test_target_node_must_have_the_same_cpu_vendor_as_the_source_node(version, effect):
    intel, amd = ({f"cpu-vendor.node.kubevirt.io/{name}": "true"} for name in ("Intel", "AMD"))
    nodes = (node("node01", labels=intel), node("node02", labels=amd))
    state = live(capacity(), nodes=nodes, kubevirt=with_settings(make_kubevirt(version)))
    assert judged(state) == effect


@pytest.mark.parametrize(
    ("zone", "says"),
    [
        ("a", "has the same CPU vendor"),
        ("b", "has the same CPU vendor and the labels of the VM's nodeSelector (zone=a)"),
    ],
)
def test_message_about_a_blocked_change_names_the_constraints_that_exclude_nodes(zone, says):
    intel, amd = (
        {f"cpu-vendor.node.kubevirt.io/{name}": "true", "zone": "a"} for name in ("Intel", "AMD")
    )
    third = node("node03", labels=intel | {"zone": zone} if zone == "b" else amd)
    nodes = (node("node01", labels=intel), node("node02", labels=amd), third)
    decision = only(live(capacity(), nodes=nodes, vmi=make_vmi(node_selector={"zone": "a"})))
    assert decision.why.message.endswith(says)
    assert decision.why.hint == "add a node with the same CPU vendor"


GPU = Taint(key="gpu", value="true", effect="NoSchedule")


@pytest.mark.parametrize(
    ("placement", "other", "says"),
    [
        (Placement(), {"taints": (GPU,)}, "tolerates (node02 has gpu=true:NoSchedule)"),
        (
            Placement(node_terms=(NodeTerm(labels=(Requirement(key="ssd", operator="Exists"),)),)),
            {},
            "the labels that the VM's node affinity requires (ssd Exists)",
        ),
    ],
)
def test_message_about_a_blocked_change_names_the_constraint_that_excludes_all_nodes(
    placement, other, says
):
    nodes = (node("node01"), node("node02", **other))
    decision = only(live(capacity(), nodes=nodes, vmi=make_vmi(placement=placement)))
    assert (decision.effect, decision.why.reason) == NO_NODE
    assert says in decision.why.message


@pytest.mark.parametrize(
    ("asked", "allocatable", "used", "says"),
    [
        ({"cpu": 4000}, {"cpu": 8000}, {"cpu": 4000}, ""),
        (
            {"cpu": 4000},
            {"cpu": 8000},
            {"cpu": 4500},
            ("4 CPUs, but no other node has this amount free; node02 has the most: 3.5 CPUs"),
        ),
        ({"nvidia.com/gpu": 1}, {"nvidia.com/gpu": 1}, {}, ""),
        (
            {"nvidia.com/gpu": 1},
            {},
            {},
            ("requests 1 nvidia.com/gpu, but no other node has this amount free"),
        ),
        ({}, {"pods": 10}, {"pods": 9}, ""),
        (
            {},
            {"pods": 10},
            {"pods": 10},
            "requests 1 pods, but no other node has this amount free",
        ),
    ],
)
def test_target_node_must_have_enough_free_cpus_pods_and_devices(asked, allocatable, used, says):
    pod = launcher("node01")
    pod = replace(pod, requests=replace(pod.requests, others=asked))
    taken = {"node02": NodeUse(requested=ResourceUse(others=used))}
    nodes = (node("node01"), node("node02", others=allocatable))
    found = capacity(taken, launchers={"vmi-pg-0": (pod,)})
    decision = only(live(found, nodes=nodes))
    assert (decision.effect, decision.why.reason) == (NO_NODE if says else LIVE)
    assert says in decision.why.message


def test_memory_change_waits_for_cpus_that_a_running_migration_will_release():
    pod = launcher("node01")
    pod = replace(pod, requests=replace(pod.requests, others={"cpu": 4000}))
    cpus = ResourceUse(others={"cpu": 4000})
    nodes = (node("node01"), node("node02", others={"cpu": 6000}))
    taken = {"node02": NodeUse(requested=cpus, moving=cpus)}
    assert judged(live(capacity(taken, launchers={"vmi-pg-0": (pod,)}), nodes=nodes)) == WAITS


def test_message_about_a_blocked_change_says_why_other_nodes_cannot_run_vms():
    cordoned = replace(node("node02"), schedulable=False, problem="is cordoned")
    dead = replace(node("node03"), schedulable=False, problem="is not ready")
    decision = only(live(capacity(), nodes=(node("node01"), cordoned, dead)))
    assert decision.why.message.endswith("; node02 is cordoned; node03 is not ready")


@pytest.mark.parametrize(("free", "effect"), [("2Gi", LIVE), ("1Gi", NO_NODE)])
def test_target_node_must_have_enough_free_huge_pages(free, effect):
    nodes = (node("node01"), node("node02", hugepages={"2Mi": q(free)}))
    vmi = make_vmi(constraints=Constraints(architecture="amd64", hugepages="2Mi"))
    assert judged(live(capacity(), nodes=nodes, vmi=vmi)) == effect


def test_memory_change_waits_for_node_capacity_that_a_running_migration_will_release():
    nodes = (node("node01"), node("node02", "4Gi"))
    taken = capacity({"node02": use(3 * GIB, moving=2 * GIB)})
    assert judged(live(taken, nodes=nodes)) == WAITS


def test_target_node_with_unknown_free_memory_counts_as_large_enough():
    nodes = (node("node01"), LiveNode(name="node02", schedulable=True))
    assert judged(live(capacity(), nodes=nodes)) == LIVE


def test_node_capacity_is_not_checked_if_pods_are_unreadable():
    nodes = (node("node01"), node("node02", "1Gi"))
    assert judged(live(capacity(pods_known=False, launchers={}), nodes=nodes)) == LIVE


def test_change_back_to_the_running_guests_memory_size_needs_no_node_capacity():
    nodes = (node("node01"), node("node02", "1Gi"))
    vm = make_vm(guest="4Gi")
    state = make_live(vm, vmis=(make_vmi(),), nodes=nodes, capacity=capacity())
    assert judged(state, "1Gi") == ("live", "back-to-running-value")


@pytest.mark.parametrize("resource", ["requests.memory", "memory"])
@pytest.mark.parametrize(
    ("hard", "effect"),
    [
        pytest.param(USED + NEED, LIVE, id="fits both pods"),
        pytest.param(USED + NEED - 1, NO_QUOTA, id="one byte short"),
    ],
)
def test_memory_quota_must_have_capacity_for_both_pods_of_a_migration(resource, hard, effect):
    quota = Quota(name="team", hard={resource: hard}, used={resource: USED})
    assert judged(live(capacity(quotas=[quota]))) == effect


def test_message_about_an_exceeded_quota_contains_its_name_and_amounts():
    quota = Quota(name="team", hard={"requests.memory": 2 * GIB}, used={"requests.memory": USED})
    assert only(live(capacity(quotas=[quota]))).why.message == (
        "the ResourceQuota team of the namespace db rejects the target pod: 1292Mi of 2048Mi "
        "requests.memory are in use, and the pod needs 2316Mi"
    )


@pytest.mark.parametrize(("hard", "effect"), [(2, LIVE), (1, NO_QUOTA)])
def test_quota_for_the_number_of_pods_must_allow_both_pods_of_a_migration(hard, effect):
    quota = Quota(name="team", hard={"pods": hard}, used={"pods": 1})
    assert judged(live(capacity(quotas=[quota]))) == effect


@pytest.mark.parametrize(
    ("limits", "effect"),
    [
        pytest.param("2Gi", NO_QUOTA, id="the VM sets a limit"),
        pytest.param(None, LIVE, id="the VM sets no limit"),
    ],
)
def test_quota_for_memory_limits_is_checked_only_if_the_vm_sets_a_memory_limit(limits, effect):
    constraints = Constraints(
        architecture="amd64", requests=q("1Gi"), limits=q(limits) if limits else None
    )
    quota = Quota(
        name="team", hard={"limits.memory": 4 * GIB}, used={"limits.memory": 2 * GIB + OVERHEAD}
    )
    found = capacity(
        quotas=[quota], launchers={"vmi-pg-0": (launcher("node01", limit=2 * GIB + OVERHEAD),)}
    )
    assert judged(live(found, vmi=make_vmi(constraints=constraints))) == effect


@pytest.mark.parametrize(
    ("resource", "more", "says"),
    [
        ("requests.cpu", {}, "500 of 700 requests.cpu"),
        ("cpu", {}, "0.5 of 0.7 cpu are in use, and the pod needs 0.25"),
        ("requests.nvidia.com/gpu", {}, "500 of 700 requests.nvidia.com/gpu are in use"),
        ("hugepages-2Mi", {}, ""),
    ],
)
def test_cpu_and_device_quotas_must_have_capacity_for_both_pods_of_a_migration(
    resource, more, says
):
    pod = launcher("node01")
    others = {"cpu": 250, "nvidia.com/gpu": 250}
    pod = replace(pod, requests=replace(pod.requests, others=others))
    nodes = (node("node01"), node("node02", others={"nvidia.com/gpu": 1000}))
    quota = Quota(name="team", hard={resource: 700}, used={resource: 500})
    found = capacity(quotas=[quota], launchers={"vmi-pg-0": (pod,)})
    decision = only(live(found, nodes=nodes))
    assert (decision.effect, decision.why.reason) == (NO_QUOTA if says else LIVE)
    assert says.replace("500 of 700 requests.cpu", "0.5 of 0.7 requests.cpu") in (
        decision.why.message
    )


@pytest.mark.parametrize(("priority", "effect"), [("gold", NO_QUOTA), ("", LIVE)])
def test_quota_for_a_priority_class_counts_only_vms_in_the_class(priority, effect):
    pod = replace(launcher("node01"), priority_class=priority)
    gold = (Requirement(key="PriorityClass", operator="In", values=("gold",)),)
    quota = Quota(name="team", hard={"pods": 1}, used={"pods": 1}, priority=gold)
    assert judged(live(capacity(quotas=[quota], launchers={"vmi-pg-0": (pod,)}))) == effect


@pytest.mark.parametrize(
    ("limit", "hard", "effect"),
    [
        pytest.param(2 * USED, 2 * USED + 2 * NEED, LIVE, id="set by KubeVirt, both pods fit"),
        pytest.param(2 * USED, 2 * USED + 2 * NEED - 1, NO_QUOTA, id="set by KubeVirt"),
        pytest.param(8 * GIB, 16 * GIB, LIVE, id="set by a LimitRange, does not grow"),
    ],
)
def test_quota_counts_the_memory_limit_that_kubevirt_sets_for_a_vm_without_its_own_limit(
    limit, hard, effect
):
    pod = replace(launcher("node01", limit=limit), guest_request=USED, guest_limit=limit)
    quota = Quota(name="team", hard={"limits.memory": hard}, used={"limits.memory": limit})
    assert judged(live(capacity(quotas=[quota], launchers={"vmi-pg-0": (pod,)}))) == effect


LIMITED = Constraints(requests=q("1Gi"), limits=q("2Gi"), cpu_limited=True)
UNLIMITED = Constraints()


@pytest.mark.parametrize(
    ("resource", "managed", "own", "effect"),
    [
        ("limits.memory", True, LIMITED, LIVE),
        ("limits.memory", False, LIMITED, NO_QUOTA),
        ("requests.memory", True, LIMITED, NO_QUOTA),
        ("pods", True, LIMITED, NO_QUOTA),
        ("limits.cpu", True, LIMITED, LIVE),
        # Harvester does not raise the quota by the limits that KubeVirt sets on the pod.
        ("limits.memory", True, UNLIMITED, NO_QUOTA),
        ("limits.cpu", True, UNLIMITED, NO_QUOTA),
    ],
)
def test_quota_that_harvester_raises_for_migrations_does_not_block_a_memory_change(
    resource, managed, own, effect
):
    # Source: harvester pkg/controller/master/migration/vmim_controller.go and
    # pkg/util/resourcequota (the limits of the VMI).
    quota = Quota(name="team", hard={resource: 0}, used={resource: 0}, managed_by_rancher=managed)
    limited = launcher("node01", limit=2 * USED)
    pod = replace(limited, guest_request=USED, guest_limit=2 * USED, cpu_limit=1000)
    kubevirt = make_kubevirt()
    ref = kubevirt.ref._replace(namespace="harvester-system", name="kubevirt")
    vm = replace(make_vm(), harvester_hotplug=True)
    state = make_live(
        vm,
        vmis=(replace(make_vmi(), constraints=own),),
        nodes=(node("node01"), node("node02")),
        capacity=capacity(quotas=[quota], launchers={"vmi-pg-0": (pod,)}),
        kubevirt=replace(kubevirt, ref=ref),
    )
    assert judged(state) == effect


def test_memory_change_waits_for_quota_capacity_that_running_migrations_will_release():
    quota = Quota(
        name="team",
        hard={"requests.memory": 5 * GIB},
        used={"requests.memory": 4 * GIB},
        moving={"requests.memory": 2 * GIB},
    )
    assert judged(live(capacity(quotas=[quota]))) == WAITS


def test_resource_quota_of_another_namespace_is_ignored():
    quota = Quota(name="team", hard={"requests.memory": 0})
    found = replace(capacity(), quotas={"web": (quota,)})
    assert judged(live(found)) == LIVE
