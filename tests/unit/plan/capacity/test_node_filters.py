"""Tests on which nodes the target pod of a migration can start, given the VM's constraints.

Source of the expectations: the Kubernetes documentation of taints and tolerations, node affinity,
pod anti-affinity and topology spread constraints (v1.36).
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.builders import NOW, VM, make_desired, make_live, make_vm, make_vmi, plan_of, q, want
from support.capacity_builders import capacity, node

from reconciler.cluster.decode.cluster_nodes import NODES as NODES_KIND
from reconciler.model.live.placement import (
    NodeTerm,
    Placement,
    Requirement,
    Spread,
    Taint,
    Toleration,
)
from reconciler.model.references import vm_ref
from reconciler.plan.capacity.node_filters import eligible_nodes
from reconciler.plan.capacity.reservations import Reservations
from reconciler.plan.vm.rules.vm_inputs import SharedInputs

NO_SCHEDULE = Taint(key="gpu", value="true", effect="NoSchedule")
NO_EXECUTE = Taint(key="maintenance", effect="NoExecute")
ZONE = "topology.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("taint", "tolerations", "eligible"),
    [
        (NO_SCHEDULE, (), False),
        (NO_EXECUTE, (), False),
        (Taint(key="gpu", effect="PreferNoSchedule"), (), True),
        (NO_SCHEDULE, ({"key": "gpu", "value": "true"},), True),
        (NO_SCHEDULE, ({"key": "gpu", "value": "false"},), False),
        (NO_SCHEDULE, ({"key": "gpu", "operator": "Exists"},), True),
        (NO_SCHEDULE, ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"},), False),
        (NO_SCHEDULE, ({"key": "other", "operator": "Exists"},), False),
        (NO_EXECUTE, ({"operator": "Exists"},), True),
        (NO_EXECUTE, ({"key": "maintenance"},), True),
        (NO_SCHEDULE, ({"operator": "Equal", "value": "true"},), False),
    ],
)
def test_node_with_a_taint_is_eligible_only_for_a_vm_that_tolerates_the_taint(
    taint, tolerations, eligible
):
    placement = Placement(tolerations=tuple(Toleration(**each) for each in tolerations))
    vmi = make_vmi(node="node01", placement=placement)
    found = eligible_nodes(vmi, (node("node02", taints=(taint,)),), same_cpu_vendor=False)
    assert bool(found) is eligible


def term(*labels, names=()):
    return NodeTerm(
        labels=tuple(Requirement(key=k, operator=op, values=v) for k, op, *v in labels),
        names=tuple(Requirement(key="metadata.name", operator="In", values=(n,)) for n in names),
    )


@pytest.mark.parametrize(
    ("terms", "eligible"),
    [
        ([term(("zone", "In", "a", "b"))], True),
        ([term(("zone", "In", "b"))], False),
        ([term(("zone", "NotIn", "b"))], True),
        ([term(("zone", "NotIn", "a"))], False),
        ([term(("rack", "NotIn", "a"))], True),
        ([term(("zone", "Exists"))], True),
        ([term(("rack", "Exists"))], False),
        ([term(("rack", "DoesNotExist"))], True),
        ([term(("size", "Gt", "3"))], True),
        ([term(("size", "Gt", "4"))], False),
        ([term(("size", "Lt", "5"))], True),
        ([term(("zone", "Lt", "5"))], False),
        ([term(("zone", "In", "a"), ("rack", "Exists"))], False),
        ([term(("rack", "Exists")), term(("zone", "In", "a"))], True),
        ([term(names=["node02"])], True),
        ([term(names=["node03"])], False),
        ([term()], False),
    ],
)
def test_required_node_affinity_permits_only_nodes_that_match_one_of_its_terms(terms, eligible):
    vmi = make_vmi(node="node01", placement=Placement(node_terms=tuple(terms)))
    nodes = (node("node02", labels={"zone": "a", "size": "4"}),)
    assert bool(eligible_nodes(vmi, nodes, same_cpu_vendor=False)) is eligible


MODEL = "cpu-model.node.kubevirt.io/Haswell"


@pytest.mark.parametrize(
    ("terms", "eligible"),
    [
        ([term((MODEL, "In", "true"))], True),
        ([term((MODEL, "Exists"))], True),
        ([term((MODEL, "NotIn", "true"))], True),
        ([term(("hyperv.node.kubevirt.io/vpindex", "In", "true"), ("zone", "In", "a"))], True),
        ([term((MODEL, "In", "true"), ("zone", "In", "b"))], False),
        ([term((MODEL, "In", "true"), names=["node03"])], False),
        ([term(("node-labeller.kubevirt.io/x", "Exists"))], False),
    ],
)
def test_required_node_affinity_to_labels_that_are_not_read_excludes_no_node(terms, eligible):
    vmi = make_vmi(node="node01", placement=Placement(node_terms=tuple(terms)))
    nodes = (decoded_node("node02", {"zone": "a", MODEL: "true"}),)
    assert bool(eligible_nodes(vmi, nodes, same_cpu_vendor=False)) is eligible


def decoded_node(name, labels):
    labels = {"kubevirt.io/schedulable": "true", **labels}
    raw = {"metadata": {"name": name, "labels": labels}, "status": {}}
    return NODES_KIND.one(json.dumps(raw).encode())


@pytest.mark.parametrize("field", ["spread", "together_with"])
@pytest.mark.parametrize(("key", "eligible"), [(MODEL, True), ("rack", False)])
def test_topology_constraint_with_a_label_that_is_not_read_excludes_no_node(field, key, eligible):
    own = (Requirement(key="vm.kubevirt.io/name", operator="Exists"),)
    rule = Spread(topology_key=key, selector=own)
    vmi = make_vmi(node="node01", placement=Placement(**{field: (rule,)}))
    nodes = (decoded_node("node02", {MODEL: "true"}),)
    found = eligible_nodes(vmi, nodes, same_cpu_vendor=False, peers=(vmi,))
    assert bool(found) is eligible


APP = (Requirement(key="app", operator="In", values=("db",)),)
NODES = tuple(
    node(name, labels={ZONE: zone})
    for name, zone in (("node01", "a"), ("node02", "a"), ("node03", "b"), ("node04", "c"))
)


def vmis(*at):
    """Return VM instances with the label app=db; the first one belongs to the VM that changes."""
    return tuple(
        make_vmi(ref=vm_ref("db", f"pg-{n}"), node=name, labels={"app": "db"})
        for n, name in enumerate(at)
    )


@pytest.mark.parametrize(
    ("at", "skew", "min_domains", "eligible"),
    [
        # The old pod counts in zone a, so another pod there makes a difference of 2.
        (["node01"], 1, 1, ["node03", "node04"]),
        (["node01"], 2, 1, ["node02", "node03", "node04"]),
        (["node01", "node03"], 1, 1, ["node04"]),
        (["node01", "node03", "node04"], 1, 1, ["node02", "node03", "node04"]),
        (["node01", "node03", "node04"], 1, 4, []),
    ],
)
def test_topology_spread_constraint_permits_only_nodes_where_another_pod_can_run(
    at, skew, min_domains, eligible
):
    rule = Spread(topology_key=ZONE, max_skew=skew, selector=APP, min_domains=min_domains)
    peers = vmis(*at)
    vmi = make_vmi(node=at[0], labels={"app": "db"}, placement=Placement(spread=(rule,)))
    found = eligible_nodes(vmi, NODES, same_cpu_vendor=False, peers=peers)
    assert [each.name for each in found] == eligible


def test_topology_spread_constraint_ignores_zones_that_the_node_selector_excludes():
    rule = Spread(topology_key=ZONE, selector=APP)
    nodes = tuple(
        node(each.name, labels={**each.labels, "ssd": "yes"} if each.name < "node03" else {})
        for each in NODES
    )
    vmi = make_vmi(
        node="node01",
        labels={"app": "db"},
        node_selector={"ssd": "yes"},
        placement=Placement(spread=(rule,)),
    )
    found = eligible_nodes(vmi, nodes, same_cpu_vendor=False, peers=vmis("node01"))
    assert [each.name for each in found] == ["node02"]


def test_pod_anti_affinity_excludes_nodes_in_a_topology_domain_with_selected_vms():
    rule = Spread(topology_key=ZONE, selector=APP)
    vmi = make_vmi(node="node01", placement=Placement(apart_from=(rule,)))
    found = eligible_nodes(vmi, NODES, same_cpu_vendor=False, peers=vmis("node01", "node03"))
    assert [each.name for each in found] == ["node04"]


@pytest.mark.parametrize(
    ("selector", "labels", "eligible"),
    [
        # A VM on node03 keeps away from this VM in its zone; its rule also holds for new pods.
        (APP, {"app": "db"}, ["node02", "node04"]),
        (APP, {"app": "web"}, ["node02", "node03", "node04"]),
        # Labels that KubeVirt adds to launcher pods.
        (
            (Requirement(key="kubevirt.io", operator="In", values=("virt-launcher",)),),
            {},
            ["node02", "node04"],
        ),
        (
            (Requirement(key="vm.kubevirt.io/name", operator="In", values=("pg-0",)),),
            {},
            ["node02", "node04"],
        ),
    ],
)
def test_pod_anti_affinity_of_a_running_vm_excludes_nodes_in_its_topology_domain(
    selector, labels, eligible
):
    rule = Spread(topology_key=ZONE, selector=selector)
    other = make_vmi(
        ref=vm_ref("db", "other"), node="node03", placement=Placement(apart_from=(rule,))
    )
    vmi = make_vmi(node="node01", labels=labels)
    found = eligible_nodes(vmi, NODES, same_cpu_vendor=False, peers=(other, vmi))
    assert [each.name for each in found] == eligible
    ended = replace(other, phase="Succeeded")
    assert len(eligible_nodes(vmi, NODES, same_cpu_vendor=False, peers=(ended,))) == 3


def domain_of(*names):
    """Return a selector requirement for a label that only virt-launcher pods have."""
    return (Requirement(key="kubevirt.io/domain", operator="In", values=names),)


@pytest.mark.parametrize(
    ("at", "rules", "own", "eligible"),
    [
        ({"a": "node03"}, [(ZONE, "a")], "x", ["node03"]),
        ({"a": "node03", "b": "node04"}, [(ZONE, "a", "b")], "x", ["node03", "node04"]),
        # The pods count that all terms select, and each term has its own domain.
        ({"a": "node03", "b": "node04"}, [(ZONE, "a"), (ZONE, "a", "b")], "x", ["node03"]),
        ({"b": "node04"}, [(ZONE, "a")], "x", []),
        ({"a": "node01"}, [("kubernetes.io/hostname", "a")], "x", []),
        # No pod is selected, and the VM's own pod would be the first one.
        ({}, [(ZONE, "x")], "x", ["node02", "node03", "node04"]),
        ({}, [("rack", "x")], "x", []),
    ],
)
def test_pod_affinity_permits_only_nodes_in_a_topology_domain_with_selected_vms(
    at, rules, own, eligible
):
    nodes = tuple(
        replace(each, labels={**each.labels, "kubernetes.io/hostname": each.name})
        for each in NODES
    )
    peers = tuple(
        make_vmi(ref=vm_ref("db", name), node=home, labels={"kubevirt.io/domain": name})
        for name, home in at.items()
    )
    terms = tuple(Spread(topology_key=key, selector=domain_of(*names)) for key, *names in rules)
    vmi = make_vmi(
        node="node01",
        labels={"kubevirt.io/domain": own},
        placement=Placement(together_with=terms),
    )
    found = eligible_nodes(vmi, nodes, same_cpu_vendor=False, peers=peers)
    assert [each.name for each in found] == eligible


def test_pod_affinity_excludes_no_node_if_pods_without_a_vm_can_satisfy_it():
    rule = Spread(topology_key=ZONE, selector=APP)
    vmi = make_vmi(node="node01", placement=Placement(together_with=(rule,)))
    assert len(eligible_nodes(vmi, NODES, same_cpu_vendor=False, peers=())) == 3


@pytest.mark.parametrize(
    ("vmi", "words"),
    [
        (
            {
                "placement": Placement(
                    together_with=(Spread(topology_key=ZONE, selector=domain_of("a")),)
                )
            },
            "zone with the VMs that the VM's pod affinity requires (kubevirt.io/domain In (a))",
        ),
        (
            {"labels": {"app": "db"}},
            "no VM whose pod anti-affinity excludes this VM (db/other)",
        ),
    ],
)
def test_plan_names_the_pod_affinity_that_excludes_all_nodes(vmi, words):
    other = make_vmi(
        ref=vm_ref("db", "other"),
        node="node02",
        placement=Placement(apart_from=(Spread(topology_key=ZONE, selector=APP),)),
    )
    nodes = tuple(node(name, labels={ZONE: "a"}) for name in ("node01", "node02"))
    live = make_live(
        make_vm(), vmis=(make_vmi(node="node01", **vmi), other), nodes=nodes, capacity=capacity()
    )
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert decision.reason.value == "no-node-with-room"
    assert words in decision.why.message


def test_planning_rules_read_other_vms_of_a_namespace_only_if_one_has_pod_anti_affinity():
    first = make_vmi(node="node01")
    second = make_vmi(
        ref=vm_ref("db", "b"), placement=Placement(apart_from=(Spread(topology_key=ZONE),))
    )
    for others, read in (((), False), ((second,), True)):
        shared = SharedInputs(make_live(vmis=(first, *others)), NOW)
        assert shared.repelling_in("db") == others
        assert shared.moment_read is read


@pytest.mark.parametrize(
    ("everywhere", "reason"), [(True, "no-node-with-room"), (False, "hotplug")]
)
@pytest.mark.parametrize("own", [True, False], ids=["anti-affinity of the VM", "of the other VM"])
def test_pod_anti_affinity_with_an_empty_namespace_selector_counts_vms_in_other_namespaces(
    own, everywhere, reason
):
    """Both the plan and the reservations of a run decide."""
    rule = Placement(apart_from=(Spread(topology_key=ZONE, selector=APP, everywhere=everywhere),))
    vmi = make_vmi(node="node01", labels={"app": "db"})
    other = make_vmi(vm_ref("web", "other"), node="node02", labels={"app": "db"})
    if own:
        vmi = replace(vmi, placement=rule)
    else:
        other = replace(other, placement=rule)
    nodes = tuple(node(name, labels={ZONE: name}) for name in ("node01", "node02"))
    live = make_live(make_vm(), vmis=(vmi, other), nodes=nodes, capacity=capacity())
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    assert decision.reason.value == reason
    assert Reservations(live).place(VM, q("2Gi")) is not everywhere


def test_topology_spread_constraint_counts_only_pods_in_the_namespace_of_the_vm():
    rule = Spread(topology_key=ZONE, selector=APP)
    everywhere = Spread(topology_key="rack", selector=(), everywhere=True)
    vmi = make_vmi(
        node="node01",
        labels={"app": "db"},
        placement=Placement(spread=(rule,), apart_from=(everywhere,)),
    )
    elsewhere = make_vmi(vm_ref("web", "other"), node="node03", labels={"app": "db"})
    found = eligible_nodes(vmi, NODES, same_cpu_vendor=False, peers=(vmi, elsewhere))
    # The old pod counts in zone a; zone b has no pod of the namespace.
    assert [each.name for each in found] == ["node03", "node04"]
