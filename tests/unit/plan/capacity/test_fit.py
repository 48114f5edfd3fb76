"""Tests which nodes and quotas have capacity for the target pod of a migration."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import make_vmi
from support.capacity_builders import capacity, node, use

from reconciler.model.live.capacity import NodeUse, Quota, ResourceUse
from reconciler.model.quantity import GIB, MIB, MemoryQuantity
from reconciler.plan.behaviour.target_pod import TargetPod
from reconciler.plan.capacity.fit import exceeded, free, quota_usage
from reconciler.plan.capacity.node_filters import eligible_nodes

INTEL, AMD = ({f"cpu-vendor.node.kubevirt.io/{each}": "true"} for each in ("Intel", "AMD"))


# Source of the required node labels: kubevirt v1.9.0 migration.go:889-1005.
@pytest.mark.parametrize(
    ("other", "selector", "same_cpu_vendor", "eligible"),
    [
        pytest.param({"labels": INTEL}, {}, True, True, id="same vendor"),
        pytest.param({"labels": AMD}, {}, True, False, id="another vendor"),
        pytest.param({"labels": AMD}, {}, False, True, id="vendor not required"),
        pytest.param({"labels": {}}, {}, True, False, id="unknown vendor"),
        pytest.param({"labels": INTEL, "schedulable": False}, {}, True, False, id="cordoned"),
        pytest.param({"labels": INTEL}, {"zone": "a"}, True, False, id="selector without label"),
        pytest.param({"labels": INTEL | {"zone": "a"}}, {"zone": "a"}, True, True, id="selector"),
        pytest.param(
            {"labels": INTEL},
            {"cpu-model.node.kubevirt.io/Haswell": "true"},
            True,
            True,
            id="selector that the reconciler does not read",
        ),
    ],
)
def test_vm_can_migrate_only_to_other_schedulable_nodes_with_the_required_labels(
    other, selector, same_cpu_vendor, eligible
):
    nodes = (node("node01", labels=INTEL | {"zone": "a"}), replace(node("node02"), **other))
    vmi = make_vmi(node="node01", node_selector=selector)
    found = eligible_nodes(vmi, nodes, same_cpu_vendor=same_cpu_vendor)
    assert [each.name for each in found] == (["node02"] if eligible else [])


def test_vmi_without_a_node_can_run_on_nodes_with_any_cpu_vendor():
    nodes = (node("node01", labels=INTEL), node("node02", labels=AMD))
    found = eligible_nodes(make_vmi(node=""), nodes, same_cpu_vendor=True)
    assert [each.name for each in found] == ["node01", "node02"]


@pytest.mark.parametrize(
    ("settled", "memory"), [(False, 3 * GIB), (True, 4 * GIB)], ids=["now", "after migrations"]
)
def test_free_memory_of_a_node_increases_when_source_pods_of_migrations_end(settled, memory):
    found = capacity({"node01": use(5 * GIB, moving=GIB)})
    assert free(node("node01", "8Gi"), found, "", settled=settled).memory == memory


def test_free_memory_of_a_node_without_pods_is_its_allocatable_memory():
    assert free(node("node01", "8Gi"), capacity(), "").memory == 8 * GIB


def test_node_with_unknown_memory_accepts_every_pod_without_huge_pages():
    left = free(replace(node("node01"), allocatable=None), capacity(), "")
    assert left.holds(TargetPod(request=1000 * GIB))


@pytest.mark.parametrize(
    ("page_size", "settled", "hugepages"),
    [("2Mi", False, GIB), ("2Mi", True, 2 * GIB), ("1Gi", False, 0), ("", False, 0)],
)
def test_free_huge_pages_of_a_node_are_counted_only_for_the_requested_page_size(
    page_size, settled, hugepages
):
    requested, moving = ({"2Mi": n * GIB} for n in (3, 1))
    taken = NodeUse(
        requested=ResourceUse(hugepages=requested), moving=ResourceUse(hugepages=moving)
    )
    paged = replace(node("node01"), hugepages={"2Mi": MemoryQuantity.parse("4Gi")})
    left = free(paged, capacity({"node01": taken}), page_size, settled=settled)
    assert left.hugepages == hugepages


@pytest.mark.parametrize(
    ("pod", "held"),
    [
        pytest.param(TargetPod(request=GIB), True, id="exactly"),
        pytest.param(TargetPod(request=GIB + 1), False, id="one byte too much"),
        pytest.param(
            TargetPod(request=MIB, hugepages=GIB, page_size="2Mi"), False, id="no huge pages"
        ),
    ],
)
def test_pod_fits_on_a_node_only_if_enough_memory_and_huge_pages_are_free(pod, held):
    assert free(node("node01", "1Gi"), capacity(), "2Mi").holds(pod) is held


def test_pod_without_a_memory_limit_does_not_count_towards_a_quota_for_memory_limits():
    pod = {"requests.memory": GIB, "memory": GIB, "pods": 1, "count/pods": 1}
    assert quota_usage(TargetPod(request=GIB)) == pod
    limited = TargetPod(request=GIB, limit=2 * GIB)
    assert quota_usage(limited) == {**pod, "limits.memory": 2 * GIB}


# Source: kubernetes v1.36 plugin/pkg/admission/resourcequota/controller.go.
@pytest.mark.parametrize(
    ("hard", "used", "settled", "expected"),
    [
        ({}, {}, False, []),
        ({"requests.cpu": 0}, {}, False, []),
        ({"requests.memory": 2 * GIB}, {"requests.memory": GIB}, False, []),
        ({"requests.memory": 2 * GIB - 1}, {"requests.memory": GIB}, False, ["requests.memory"]),
        ({"requests.memory": 2 * GIB - 1}, {"requests.memory": GIB}, True, []),
        ({"memory": GIB - 1}, {}, False, ["memory"]),
        ({"limits.memory": 0}, {}, False, []),
        ({"pods": 2, "count/pods": 3}, {"pods": 2, "count/pods": 2}, False, ["pods"]),
    ],
)
def test_pod_exceeds_a_quota_if_the_remaining_amount_is_less_than_the_pod_request(
    hard, used, settled, expected
):
    quota = Quota(name="team", hard=hard, used=used, moving={"requests.memory": MIB})
    assert list(exceeded(quota, TargetPod(request=GIB), settled=settled)) == expected
