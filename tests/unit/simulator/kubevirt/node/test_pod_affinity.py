"""Tests how the simulated scheduler treats required pod affinity and pod anti-affinity.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity.
"""

from __future__ import annotations

import pytest

from reconciler.simulator.kubevirt.inventory import Inventory, NodeFacts, pod_facts
from reconciler.simulator.kubevirt.node import pod_affinity
from reconciler.simulator.store.history import Key

ZONES = {"n1": "a", "n2": "a", "n3": "b"}
ATTRACTED = "node(s) didn't match pod affinity rules"
REPELLED = "node(s) didn't match pod anti-affinity rules"
EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"


def pod(name, app, node="", namespace="default", **affinity):
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = {kind: {required: [term]} for kind, term in affinity.items()}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"affinity": terms, **({"nodeName": node} if node else {})},
        "status": {"phase": "Running"},
    }


def term(app, key="zone", **more):
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}


def reasons(new, *placed):
    """Returns why the scheduler excludes each node, in the order of the nodes."""
    found = Inventory()
    for name, zone in ZONES.items():
        labels = {"host": name, "zone": zone}
        found.nodes[name] = NodeFacts(
            name=name,
            memory=0,
            hugepages={},
            schedulable=True,
            labels=labels,
            taints=(),
            others={},
        )
    for each in placed:
        meta = each["metadata"]
        key = Key("pods", meta["namespace"], meta["name"])
        found.pods[key] = pod_facts(key, each)
    return [pod_affinity.refusal(node, new, found) for node in found.nodes.values()]


CACHE = pod("cache", "cache", "n1")


@pytest.mark.parametrize(
    ("new", "placed", "expected"),
    [
        (pod("new", "x", podAffinity=term("cache")), [CACHE], [None, None, ATTRACTED]),
        (
            pod("new", "x", podAffinity=term("cache", "host")),
            [CACHE],
            [None, ATTRACTED, ATTRACTED],
        ),
        (pod("new", "x", podAffinity=term("cache")), [], [ATTRACTED] * 3),
        (pod("new", "cache", podAffinity=term("cache")), [], [None] * 3),
        (pod("new", "cache", podAffinity=term("cache", "rack")), [], [ATTRACTED] * 3),
        (pod("new", "x", podAntiAffinity=term("cache")), [CACHE], [REPELLED, REPELLED, None]),
        (pod("new", "x", podAntiAffinity=term("cache", "rack")), [CACHE], [None] * 3),
        (
            pod("new", "x", namespace="other", podAntiAffinity=term("cache")),
            [CACHE],
            [None] * 3,
        ),
        (
            pod("new", "x", namespace="o", podAntiAffinity=term("cache", namespaceSelector={})),
            [CACHE],
            [REPELLED, REPELLED, None],
        ),
        (
            pod("new", "x", namespace="o", podAntiAffinity=term("cache", namespaces=["default"])),
            [CACHE],
            [REPELLED, REPELLED, None],
        ),
        (
            pod("new", "x"),
            [pod("alone", "y", "n3", podAntiAffinity=term("x"))],
            [None, None, EXISTING],
        ),
    ],
)
def test_scheduler_excludes_nodes_by_required_pod_affinity(new, placed, expected):
    assert reasons(new, *placed) == expected
