"""Tests how the node constraints of VM instances, and the resources of nodes, are decoded."""

from __future__ import annotations

import json

import pytest

from reconciler.cluster.decode import cluster_nodes, workloads
from reconciler.model.live import snapshot_codec
from reconciler.model.live.live_state import LiveNode
from reconciler.model.live.placement import (
    ANYWHERE,
    NodeTerm,
    Placement,
    Requirement,
    Spread,
    Taint,
    Toleration,
)

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
SELECTOR = {"matchLabels": {"app": "db"}}
SPEC = {
    "priorityClassName": "gold",
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}, {"key": "a"}],
    "affinity": {
        "nodeAffinity": {
            REQUIRED: {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]},
                ]
            }
        },
        "podAntiAffinity": {
            REQUIRED: [
                {"topologyKey": "zone", "labelSelector": SELECTOR},
                {"topologyKey": "rack", "labelSelector": SELECTOR, "namespaces": ["other"]},
            ]
        },
    },
    "topologySpreadConstraints": [
        {
            "topologyKey": "zone",
            "maxSkew": 2,
            "minDomains": 3,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
            "matchLabelKeys": ["version", "absent"],
        },
        {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"},
    ],
}


def vmi(spec):
    meta = {"name": "pg-0", "namespace": "db", "labels": {"version": "2"}}
    return workloads.VMIS.one(json.dumps({"metadata": meta, "spec": spec}).encode())


def test_required_node_constraints_of_a_vmi_are_decoded():
    found = vmi(SPEC).placement
    app = Requirement(key="app", operator="In", values=("db",))
    version = Requirement(key="version", operator="In", values=("2",))
    assert found == Placement(
        tolerations=(
            Toleration(key="gpu", operator="Exists", effect="NoSchedule"),
            Toleration(key="a"),
        ),
        node_terms=(
            NodeTerm(labels=(Requirement(key="zone", operator="In", values=("a",)),)),
            NodeTerm(names=(Requirement(key="metadata.name", operator="In", values=("b",)),)),
        ),
        spread=(
            Spread(
                topology_key="zone",
                max_skew=2,
                min_domains=3,
                selector=(version, Requirement(key="app", operator="Exists")),
            ),
        ),
        apart_from=(Spread(topology_key="zone", selector=(app,)),),
        priority_class="gold",
    )
    encoded = snapshot_codec.encode(found)
    assert snapshot_codec.decode(Placement, encoded, "") == found


@pytest.mark.parametrize(
    ("term", "apart", "together"),
    [
        ({}, True, True),
        ({"namespaces": ["db"]}, True, True),
        ({"namespaces": ["db", "web"]}, True, False),
        ({"namespaces": ["web"]}, False, False),
        # An empty selector selects every namespace; the labels of namespaces are not known.
        ({"namespaceSelector": {}}, True, False),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, False, False),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}, "namespaces": ["db"]}, True, False),
        ({"mismatchLabelKeys": ["version"]}, False, False),
    ],
)
def test_pod_affinity_of_a_vmi_is_decoded_only_for_the_namespace_of_the_vmi(term, apart, together):
    full = {"topologyKey": "zone", "labelSelector": SELECTOR, **term}
    plain = {"topologyKey": "rack", "labelSelector": SELECTOR}
    affinity = {kind: {REQUIRED: [full, plain]} for kind in ("podAntiAffinity", "podAffinity")}
    found = vmi({"affinity": affinity}).placement
    assert [each.topology_key for each in found.apart_from] == ["zone"] * apart + ["rack"]
    everywhere = term.get("namespaceSelector") == {}
    assert [each.everywhere for each in found.apart_from] == [everywhere] * apart + [False]
    # One term that is not known makes the whole affinity unknown.
    assert len(found.together_with) == 2 * together


def test_vmis_with_equal_node_constraints_share_one_object_in_memory():
    assert vmi(SPEC).placement is vmi(SPEC).placement
    assert vmi({}).placement is ANYWHERE


def node(labels=None, spec=None, ready="True"):
    body = {
        "metadata": {"name": "n", "labels": labels or {"kubevirt.io/schedulable": "true"}},
        "spec": spec or {},
        "status": {
            "allocatable": {
                "cpu": "7500m",
                "memory": "8Gi",
                "pods": "110",
                "nvidia.com/gpu": "2",
                "ephemeral-storage": "1Gi",
            },
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }
    return cluster_nodes.NODES.one(json.dumps(body).encode())


def test_taints_and_resources_of_a_node_are_decoded():
    found = node(spec={"taints": [{"key": "gpu", "value": "a", "effect": "NoSchedule"}]})
    assert found.taints == (Taint(key="gpu", value="a", effect="NoSchedule"),)
    assert found.others == {"cpu": 7500, "pods": 110, "nvidia.com/gpu": 2}
    assert snapshot_codec.decode(LiveNode, snapshot_codec.encode(found), "") == found


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, ""),
        ({"spec": {"unschedulable": True}}, "is cordoned"),
        ({"ready": "False"}, "is not ready"),
        ({"ready": "Unknown"}, "is not ready"),
        ({"labels": {"a": "b"}}, "lacks the label kubevirt.io/schedulable=true"),
    ],
)
def test_decoded_node_that_cannot_run_vms_contains_the_reason(given, problem):
    found = node(**given)
    assert (found.schedulable, found.problem) == (not problem, problem)
