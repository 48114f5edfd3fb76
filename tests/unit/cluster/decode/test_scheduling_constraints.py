"""Tests how the constraints of VM instances for nodes and the offers of nodes are decoded."""

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


def test_hard_constraints_of_an_instance_for_nodes_are_decoded():
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
def test_pod_affinity_is_decoded_as_far_as_it_concerns_the_own_namespace(term, apart, together):
    full = {"topologyKey": "zone", "labelSelector": SELECTOR, **term}
    plain = {"topologyKey": "rack", "labelSelector": SELECTOR}
    affinity = {kind: {REQUIRED: [full, plain]} for kind in ("podAntiAffinity", "podAffinity")}
    found = vmi({"affinity": affinity}).placement
    assert [each.topology_key for each in found.apart_from] == ["zone"] * apart + ["rack"]
    # One term that is not known makes the whole affinity unknown.
    assert len(found.together_with) == 2 * together


def test_equal_placements_of_instances_share_one_object():
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
def test_node_that_cannot_run_vms_has_the_reason(given, problem):
    found = node(**given)
    assert (found.schedulable, found.problem) == (not problem, problem)
