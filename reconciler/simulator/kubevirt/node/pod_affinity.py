"""`refusal` simulates required pod affinity and pod anti-affinity.

The anti-affinity of a placed pod also keeps away new pods that the terms of the placed pod select.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity, including the error
messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.kubevirt.inventory import REQUIRED
from reconciler.simulator.kubevirt.node.label_selectors import selected
from reconciler.simulator.kubevirt.object_fields import dig

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.inventory import Inventory, NodeFacts, PodFacts
    from reconciler.simulator.kubevirt.object_fields import Json


def refusal(node: NodeFacts, pod: Json, inventory: Inventory) -> str | None:
    """Returns why pod affinity or anti-affinity excludes a node, or None if the node fits."""
    neighbours = [
        each for each in inventory.pods.values() if each.active and each.node in inventory.nodes
    ]
    if not _is_attracted(node, pod, neighbours, inventory):
        return "node(s) didn't match pod affinity rules"
    own = pod["metadata"]
    for term in _terms(pod, "podAntiAffinity"):
        others = [each for each in neighbours if _counts(term, own["namespace"], each)]
        here = _domain(node, term)
        if here and here in {_domain(inventory.nodes[each.node], term) for each in others}:
            return "node(s) didn't match pod anti-affinity rules"
    for other in neighbours:
        home = inventory.nodes[other.node]
        for term in other.repels:
            here = _domain(node, term)
            if _applies(term, other.key.namespace, own) and here and here == _domain(home, term):
                return "node(s) didn't satisfy existing pods anti-affinity rules"
    return None


def _terms(pod: Json, kind: str) -> list[Json]:
    return dig(pod, "spec", "affinity", kind, REQUIRED) or []


def _is_attracted(
    node: NodeFacts, pod: Json, neighbours: list[PodFacts], inventory: Inventory
) -> bool:
    """Returns whether a node meets all terms of a pod's required affinity.

    If no existing pod matches all terms, a new pod that its own terms select can start on any node
    that has the topology keys.
    """
    terms, own = _terms(pod, "podAffinity"), pod["metadata"]
    domains = {
        index: {
            _domain(inventory.nodes[each.node], term)
            for each in neighbours
            if all(_counts(t, own["namespace"], each) for t in terms)
        }
        - {None}
        for index, term in enumerate(terms)
    }
    here = [_domain(node, term) for term in terms]
    if None in here:
        return False
    if not any(domains.values()):
        return all(_applies(term, own["namespace"], own) for term in terms)
    return all(here[index] in found for index, found in domains.items())


def _domain(node: NodeFacts, term: Json) -> str | None:
    return node.labels.get(term["topologyKey"])


def _counts(term: Json, namespace: str, other: PodFacts) -> bool:
    metadata = {"namespace": other.key.namespace, "labels": other.labels}
    return _applies(term, namespace, metadata)


def _applies(term: Json, namespace: str, metadata: Json) -> bool:
    """Returns whether an affinity term of a pod in the given namespace selects another pod.

    Only an empty namespace selector is simulated; it selects every namespace.
    """
    names = term.get("namespaces") or []
    everywhere = term.get("namespaceSelector") == {}
    inside = everywhere or metadata["namespace"] in (names or [namespace])
    return inside and selected(term.get("labelSelector"), metadata.get("labels") or {})
