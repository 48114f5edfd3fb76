"""``node_filters``: decides on which nodes the target pod of a migration can start.

Each filter is one constraint of the scheduler or of KubeVirt. The filters are applied in order, so
that the plan can name the constraint that leaves no node. The module ``fit`` examines free
capacity. The filters ignore preferred constraints, labels in ``UNREAD_LABELS`` such as those of
CPU models, and pods other than VMs' launcher pods, so the scheduler might still reject a node
that passes the filters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from reconciler.model.live.live_state import LiveNode
from reconciler.model.live.placement import is_unread
from reconciler.model.phrases import listed_refs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.live.live_state import LiveVMI
    from reconciler.model.live.placement import Requirement, Spread

CPU_VENDOR = "cpu-vendor.node.kubevirt.io/"
HOSTNAME = "kubernetes.io/hostname"
"""The label with a node's host name, which is different on every node."""


_LAUNCHER_LABELS = ("kubevirt.io/", "vm.kubevirt.io/")
_NAMED = 3
"""The maximum number of VM names in the description of a constraint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFilter:
    """One constraint for the node of a migration's target pod."""

    needs: str
    """What the node must have, such as ``the labels of the VM's nodeSelector (zone=a)``."""
    hint: str
    admits: Callable[[LiveNode], bool]


def eligible_nodes(
    vmi: LiveVMI,
    nodes: Iterable[LiveNode],
    *,
    same_cpu_vendor: bool,
    peers: Iterable[LiveVMI] = (),
) -> tuple[LiveNode, ...]:
    """Return the nodes to which a VM instance can migrate, regardless of their free capacity.

    Args:
        vmi: The instance.
        nodes: All nodes.
        same_cpu_vendor: Whether the target node needs the CPU vendor of the source node.
        peers: The VM instances that topology constraints can count, in all namespaces.
    """
    found = tuple(nodes)
    others = tuple(each for each in found if each.schedulable and each.name != vmi.node)
    for each in node_filters(vmi, found, same_cpu_vendor=same_cpu_vendor, peers=peers):
        others = tuple(filter(each.admits, others))
    return others


def node_filters(
    vmi: LiveVMI,
    nodes: tuple[LiveNode, ...],
    *,
    same_cpu_vendor: bool,
    peers: Iterable[LiveVMI] = (),
) -> tuple[NodeFilter, ...]:
    """Return the constraints for a VM instance's target pod, in the order to apply them.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:889-1005; kubernetes
    v1.36 pkg/scheduler/framework/plugins (nodeaffinity, tainttoleration, podtopologyspread,
    interpodaffinity).
    """
    found = [*_labels(vmi)]
    source = next((each for each in nodes if each.name == vmi.node), None)
    if source is not None and same_cpu_vendor:
        vendor = {k: v for k, v in source.labels.items() if k.startswith(CPU_VENDOR)}
        found.append(
            NodeFilter(
                needs="the same CPU vendor",
                hint="add a node with the same CPU vendor",
                admits=lambda node: _has(node, vendor),
            )
        )
    place = vmi.placement
    if place.node_terms:
        terms = " or ".join(map(str, place.node_terms))
        found.append(
            NodeFilter(
                needs=f"the labels that the VM's node affinity requires ({terms})",
                hint="label another node, or change the VM's node affinity",
                admits=lambda node: place.attracted_to(node.name, node.labels),
            )
        )
    repelled = {node.name: place.repelled_by(node.taints) for node in nodes}
    if any(repelled.values()):
        shown = ", ".join(
            f"{name} has {taint}" for name, taint in repelled.items() if taint and name != vmi.node
        )
        found.append(
            NodeFilter(
                needs=f"only taints that the VM tolerates ({shown})",
                hint="add a toleration to the VM, or remove the taint from a node",
                admits=lambda node: repelled[node.name] is None,
            )
        )
    every = tuple(peers)
    others = tuple(each for each in every if each.ref.namespace == vmi.ref.namespace)
    found += [
        _apart(each, nodes, every if each.everywhere else others) for each in place.apart_from
    ]
    found += _kept_away(vmi, nodes, every)
    found += _together(vmi, nodes, others)
    spread = [each for each in place.spread if not is_unread(each.topology_key)]
    return (*found, *(_spread(each, vmi, nodes, others) for each in spread))


def _labels(vmi: LiveVMI) -> Iterable[NodeFilter]:
    wanted = {key: text for key, text in vmi.node_selector.items() if not is_unread(key)}
    if not wanted:
        return
    hint = "label another node, or change the VM's nodeSelector"
    if HOSTNAME in wanted:
        hint = f"remove {HOSTNAME} from the VM's nodeSelector, which allows a single node"
    selector = ", ".join(f"{key}={text}" for key, text in sorted(vmi.node_selector.items()))
    yield NodeFilter(
        needs=f"the labels of the VM's nodeSelector ({selector})",
        hint=hint,
        admits=lambda node: _has(node, wanted),
    )


def _has(node: LiveNode, wanted: Mapping[str, str]) -> bool:
    return all(node.labels.get(key) == text for key, text in wanted.items())


def _apart(rule: Spread, nodes: tuple[LiveNode, ...], peers: tuple[LiveVMI, ...]) -> NodeFilter:
    """Return the node filter for a VM's pod anti-affinity, which also counts the VM's old pod."""
    taken = set(_domains(rule, nodes, peers))
    return NodeFilter(
        needs=f"a {rule.topology_key} without VMs that the VM's pod anti-affinity excludes",
        hint="add a node, or change the VM's pod anti-affinity; the VM's old pod counts until the "
        "migration has ended",
        admits=lambda node: node.labels.get(rule.topology_key) not in taken,
    )


def _kept_away(
    vmi: LiveVMI, nodes: tuple[LiveNode, ...], peers: tuple[LiveVMI, ...]
) -> Iterable[NodeFilter]:
    """Yield a node filter if the required pod anti-affinity of other VMs selects this VM."""
    domains = {node.name: node.labels for node in nodes}
    taken = {
        (rule.topology_key, domain): each.ref
        for each in peers
        if each.ref != vmi.ref and not each.final
        for rule in each.placement.apart_from
        if (rule.everywhere or each.ref.namespace == vmi.ref.namespace)
        and _selects(rule.selector, vmi)
        and (domain := domains.get(each.node, {}).get(rule.topology_key)) is not None
    }
    if taken:
        names = listed_refs(sorted(set(taken.values())), _NAMED)
        yield NodeFilter(
            needs=f"no VM whose pod anti-affinity excludes this VM ({names})",
            hint="add a node, or change the pod anti-affinity of those VMs",
            admits=lambda node: taken.keys().isdisjoint(node.labels.items()),
        )


def _together(
    vmi: LiveVMI, nodes: tuple[LiveNode, ...], peers: tuple[LiveVMI, ...]
) -> Iterable[NodeFilter]:
    """Yield a node filter for a VM's required pod affinity, if only launcher pods can meet it.

    If other pods can meet the affinity, no filter is returned, because these pods are not known.
    The scheduler counts the pods that all terms select, including the VM's old pod. If no such pod
    exists and all terms select the new pod, any node with the topology label is allowed.
    """
    rules = vmi.placement.together_with
    if any(is_unread(each.topology_key) for each in rules):
        return
    if not rules or not all(any(map(_of_launchers, each.selector)) for each in rules):
        return
    met = [
        domains
        for each in peers
        if not each.final and all(_selects(rule.selector, each) for rule in rules)
        for domains in (node.labels for node in nodes if node.name == each.node)
    ]
    if not met and all(_selects(rule.selector, vmi) for rule in rules):
        met = [node.labels for node in nodes]
    for rule in rules:
        key = rule.topology_key
        allowed = {labels[key] for labels in met if key in labels}
        selected = ", ".join(map(str, rule.selector))
        yield NodeFilter(
            needs=f"a {key} with the VMs that the VM's pod affinity requires ({selected})",
            hint="migrate one of those VMs first, or change the VM's pod affinity",
            admits=partial(_in_domain, key, frozenset(allowed)),
        )


def _in_domain(key: str, allowed: frozenset[str], node: LiveNode) -> bool:
    return node.labels.get(key) in allowed


def _of_launchers(requirement: Requirement) -> bool:
    """Return whether only launcher pods can meet a label requirement.

    From KubeVirt's label names, this program infers that no other pods have such labels.
    """
    own = requirement.key.startswith(_LAUNCHER_LABELS)
    return own and requirement.operator in ("In", "Exists")


def _spread(
    rule: Spread, vmi: LiveVMI, nodes: tuple[LiveNode, ...], peers: tuple[LiveVMI, ...]
) -> NodeFilter:
    """Return the node filter for a hard topology spread constraint.

    Nodes that the node selector or the node affinity excludes are ignored; taints are not checked
    (the defaults of nodeAffinityPolicy and nodeTaintsPolicy). The VM's old pod counts.
    """
    key = rule.topology_key
    selected = list(_labels(vmi))
    eligible = {
        node.labels[key]
        for node in nodes
        if key in node.labels
        and all(each.admits(node) for each in selected)
        and vmi.placement.attracted_to(node.name, node.labels)
    }
    counts = Counter(_domains(rule, nodes, peers))
    least = min((counts[each] for each in eligible), default=0)
    if len(eligible) < rule.min_domains:
        least = 0
    own = int(_selects(rule.selector, vmi))

    def admits(node: LiveNode) -> bool:
        domain = node.labels.get(key)
        return domain is not None and counts[domain] + own - least <= rule.max_skew

    return NodeFilter(
        needs=f"a {key} that the VM's topology spread constraint allows (maxSkew {rule.max_skew})",
        hint="add a node, raise maxSkew, or set whenUnsatisfiable: ScheduleAnyway",
        admits=admits,
    )


def _domains(
    rule: Spread, nodes: tuple[LiveNode, ...], peers: tuple[LiveVMI, ...]
) -> Iterable[str]:
    """Yield the topology domain of each running VM instance that a constraint selects."""
    domains = {node.name: node.labels.get(rule.topology_key) for node in nodes}
    for each in peers:
        domain = domains.get(each.node)
        if domain is not None and not each.final and _selects(rule.selector, each):
            yield domain


def _selects(selector: tuple[Requirement, ...], vmi: LiveVMI) -> bool:
    """Return whether a label selector selects the launcher pod of a VM instance.

    The pod has the labels of the VM instance and some additional labels. Source: kubevirt v1.9.0
    pkg/virt-controller/services/template.go.
    """
    labels = {
        **vmi.labels,
        "kubevirt.io": "virt-launcher",
        "kubevirt.io/created-by": vmi.uid,
        "vm.kubevirt.io/name": vmi.ref.name,
    }
    return all(each.holds(labels) for each in selector)
