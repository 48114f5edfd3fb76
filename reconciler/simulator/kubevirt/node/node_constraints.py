"""Simulates the hard constraints of the scheduler: `refusal` explains why a node is excluded.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins (tainttoleration, nodeaffinity,
podtopologyspread), including the error messages.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.simulator.kubevirt.inventory import REQUIRED
from reconciler.simulator.kubevirt.node import pod_affinity
from reconciler.simulator.kubevirt.node.label_selectors import matches, selected
from reconciler.simulator.kubevirt.object_fields import dig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.simulator.kubevirt.inventory import Inventory, NodeFacts
    from reconciler.simulator.kubevirt.object_fields import Json


def refusal(node: NodeFacts, pod: Json, inventory: Inventory) -> str | None:
    """Returns why the scheduler cannot place a pod on a node, or None if it can."""
    spec = pod["spec"]
    terms = dig(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms")
    if terms is not None and not any(_term_matches(term, node) for term in terms):
        return "node(s) didn't match Pod's node affinity/selector"
    for taint in node.taints:
        hard = taint.get("effect") in ("NoSchedule", "NoExecute")
        if hard and not any(_tolerates(each, taint) for each in spec.get("tolerations") or ()):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if (why := pod_affinity.refusal(node, pod, inventory)) is not None:
        return why
    return _spread_refusal(node, pod, inventory)


def _spread_refusal(node: NodeFacts, pod: Json, inventory: Inventory) -> str | None:
    labels = [
        (inventory.nodes[each.node], each.labels)
        for each in inventory.pods_in(pod["metadata"]["namespace"])
        if each.active and each.node in inventory.nodes
    ]
    for rule in pod["spec"].get("topologySpreadConstraints") or ():
        if rule["whenUnsatisfiable"] == "DoNotSchedule" and not _spreads(
            rule, node, pod, labels, inventory
        ):
            return "node(s) didn't match pod topology spread constraints"
    return None


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


def _spreads(
    rule: Json,
    node: NodeFacts,
    pod: Json,
    neighbours: list[tuple[NodeFacts, Mapping[str, str]]],
    inventory: Inventory,
) -> bool:
    """Returns whether a pod on a node would respect the maxSkew of a topology spread constraint.

    Nodes that the pod's node selector or node affinity excludes do not count as topology domains.
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
    counts = Counter(
        home.labels.get(key)
        for home, own in neighbours
        if selected(rule.get("labelSelector"), own)
    )
    enough = len(domains) >= (rule.get("minDomains") or 1)
    least = min((counts[each] for each in domains), default=0) if enough else 0
    own = 1 if selected(rule.get("labelSelector"), pod["metadata"].get("labels") or {}) else 0
    return bool(counts[node.labels[key]] + own - least <= rule["maxSkew"])
