"""Simulates the scheduler's hard constraints: `refusal` says why a pod does not start on a node.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins (tainttoleration, nodeaffinity,
interpodaffinity, podtopologyspread), with their messages.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.simulator.kubevirt.inventory import REQUIRED
from reconciler.simulator.kubevirt.object_fields import dig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.simulator.kubevirt.inventory import Inventory, NodeFacts
    from reconciler.simulator.kubevirt.object_fields import Json


def refusal(node: NodeFacts, pod: Json, inventory: Inventory) -> str | None:
    """Returns the scheduler's reason against a node, or None if no constraint excludes it."""
    spec = pod["spec"]
    terms = dig(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms")
    if terms is not None and not any(_term_matches(term, node) for term in terms):
        return "node(s) didn't match Pod's node affinity/selector"
    for taint in node.taints:
        hard = taint.get("effect") in ("NoSchedule", "NoExecute")
        if hard and not any(_tolerates(each, taint) for each in spec.get("tolerations") or ()):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if found := _affinity_refusal(node, pod, inventory):
        return found
    labels = list(_neighbours(pod, inventory))
    for rule in spec.get("topologySpreadConstraints") or ():
        if rule["whenUnsatisfiable"] == "DoNotSchedule" and not _spreads(
            rule, node, pod, labels, inventory
        ):
            return "node(s) didn't match pod topology spread constraints"
    return None


def matches(requirement: Json, labels: Mapping[str, str]) -> bool:
    """Returns whether labels meet a requirement of a selector."""
    found = labels.get(requirement["key"])
    values: list[str] = requirement.get("values") or []
    operator: str = requirement["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return (found is not None) is (operator == "Exists")
    if operator in ("In", "NotIn"):
        return (found in values) is (operator == "In")
    if found is None or not found.lstrip("-").isdigit():
        return False
    return int(found) > int(values[0]) if operator == "Gt" else int(found) < int(values[0])


def _term_matches(term: Json, node: NodeFacts) -> bool:
    labels, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    own = {"metadata.name": node.name}
    return bool(labels or fields) and (
        all(matches(each, node.labels) for each in labels)
        and all(matches(each, own) for each in fields)
    )


def _tolerates(toleration: Json, taint: Json) -> bool:
    key, effect = toleration.get("key", ""), toleration.get("effect", "")
    if effect and effect != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return key in ("", taint["key"])
    return bool(key == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def _selected(rule: Json, labels: Mapping[str, str]) -> bool:
    selector = rule.get("labelSelector")
    if selector is None:
        return False
    pairs = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in pairs) and all(
        matches(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _affinity_refusal(node: NodeFacts, pod: Json, inventory: Inventory) -> str | None:
    """Returns why the required affinities of pods to pods exclude a node, or None.

    The pods that all terms of an affinity select count. If there is none, a pod that all terms
    select may be the first.
    """
    spec, own = pod["spec"], pod["metadata"].get("labels") or {}
    labels = list(_neighbours(pod, inventory))
    attracts = dig(spec, "affinity", "podAffinity", REQUIRED) or ()
    homes = [home for home, each in labels if all(_selected(term, each) for term in attracts)]
    first = not homes and all(_selected(term, own) for term in attracts)
    for term in attracts:
        key = term["topologyKey"]
        allowed = {home.labels[key] for home in homes if key in home.labels}
        if key not in node.labels or not (first or node.labels[key] in allowed):
            return "node(s) didn't match pod affinity rules"
    for term in dig(spec, "affinity", "podAntiAffinity", REQUIRED) or ():
        if any(_selected(term, each) and _same_domain(term, node, home) for home, each in labels):
            return "node(s) didn't match pod anti-affinity rules"
    for other in inventory.pods_in(pod["metadata"]["namespace"]):
        home = inventory.nodes.get(other.node) if other.active else None
        if home is None:
            continue
        for term in other.repels:
            if _selected(term, own) and _same_domain(term, node, home):
                return "node(s) didn't satisfy existing pods anti-affinity rules"
    return None


def _same_domain(term: Json, node: NodeFacts, home: NodeFacts) -> bool:
    domain = node.labels.get(term["topologyKey"])
    return domain is not None and domain == home.labels.get(term["topologyKey"])


def _neighbours(pod: Json, inventory: Inventory) -> Iterator[tuple[NodeFacts, Mapping[str, str]]]:
    """Yields the node and the labels of each pod of the namespace that has a node."""
    for other in inventory.pods_in(pod["metadata"]["namespace"]):
        if other.active and other.node in inventory.nodes:
            yield inventory.nodes[other.node], other.labels


def _spreads(
    rule: Json,
    node: NodeFacts,
    pod: Json,
    neighbours: list[tuple[NodeFacts, Mapping[str, str]]],
    inventory: Inventory,
) -> bool:
    """Returns whether a pod on a node keeps the skew.

    Nodes that the pod's node selector or node affinity excludes are not domains.
    """
    key, spec = rule["topologyKey"], pod["spec"]
    if key not in node.labels:
        return False
    wanted = spec.get("nodeSelector") or {}
    terms = dig(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms")
    domains = {
        each.labels[key]
        for each in inventory.nodes.values()
        if key in each.labels
        and all(each.labels.get(k) == v for k, v in wanted.items())
        and (terms is None or any(_term_matches(term, each) for term in terms))
    }
    counts = Counter(home.labels.get(key) for home, own in neighbours if _selected(rule, own))
    enough = len(domains) >= (rule.get("minDomains") or 1)
    least = min((counts[each] for each in domains), default=0) if enough else 0
    own = 1 if _selected(rule, pod["metadata"].get("labels") or {}) else 0
    return bool(counts[node.labels[key]] + own - least <= rule["maxSkew"])
