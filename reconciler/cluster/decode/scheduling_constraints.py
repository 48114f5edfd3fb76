"""``placement``, ``taints``: decode the node constraints of VM instances, and node taints."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.cluster.decode.decode_values import shared
from reconciler.model.live.placement import (
    ANYWHERE,
    NodeTerm,
    Placement,
    Requirement,
    Spread,
    Taint,
    Toleration,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.cluster.decode.structs import wire, wire_placement

_HARD = "DoNotSchedule"


def placement(
    spec: wire_placement.VMISpec | None, namespace: str, labels: Mapping[str, str] | None
) -> Placement:
    """Decode the constraints that decide on which nodes a VM instance can run.

    Equal constraints share one object. KubeVirt copies the tolerations, the affinity and the
    topology spread constraints to the launcher pod. Source: kubevirt v1.9.0
    pkg/virt-controller/services/template.go.
    """
    if spec is None:
        return ANYWHERE
    affinity = spec.affinity
    node = affinity.node_affinity if affinity else None
    required = node.required_during_scheduling_ignored_during_execution if node else None
    apart = _required(affinity.pod_anti_affinity if affinity else None)
    together = _required(affinity.pod_affinity if affinity else None)
    known = all(_own_namespace_alone(each, namespace) for each in together)
    found = Placement(
        tolerations=tuple(map(_toleration, spec.tolerations or ())),
        node_terms=tuple(
            NodeTerm(
                labels=_requirements(each.match_expressions),
                names=_requirements(each.match_fields),
            )
            for each in (required.node_selector_terms if required else None) or ()
        ),
        spread=tuple(
            Spread(
                topology_key=each.topology_key,
                max_skew=each.max_skew,
                min_domains=each.min_domains or 1,
                selector=selector(each.label_selector, each.match_label_keys, labels),
            )
            for each in spec.topology_spread_constraints or ()
            if each.when_unsatisfiable == _HARD and each.label_selector
        ),
        apart_from=tuple(
            replace(_term(each, labels), everywhere=_includes_every_namespace(each))
            for each in apart
            if _includes_own_namespace(each, namespace)
        ),
        together_with=tuple(_term(each, labels) for each in together) if known else (),
        priority_class=shared(spec.priority_class_name),
    )
    return _same(found)


def _required(found: wire_placement.PodAffinity | None) -> list[wire_placement.PodAffinityTerm]:
    required = found.required_during_scheduling_ignored_during_execution if found else None
    return required or []


def _includes_own_namespace(term: wire_placement.PodAffinityTerm, namespace: str) -> bool:
    """Return whether a pod affinity term certainly selects pods in the VM's own namespace.

    A term with neither namespaces nor a namespace selector selects only this namespace. An empty
    namespace selector selects every namespace. A namespace selector with requirements is not
    evaluated, so the result is False.
    """
    if not term.label_selector or term.mismatch_label_keys:
        return False
    if namespace in (term.namespaces or ()):
        return True
    if term.namespace_selector is None:
        return not term.namespaces
    return _includes_every_namespace(term)


def _includes_every_namespace(term: wire_placement.PodAffinityTerm) -> bool:
    every = term.namespace_selector
    return every is not None and not every.match_labels and not every.match_expressions


def _own_namespace_alone(term: wire_placement.PodAffinityTerm, namespace: str) -> bool:
    alone = term.namespace_selector is None and set(term.namespaces or ()) <= {namespace}
    return alone and _includes_own_namespace(term, namespace)


def _term(term: wire_placement.PodAffinityTerm, labels: Mapping[str, str] | None) -> Spread:
    return Spread(
        topology_key=term.topology_key,
        selector=selector(term.label_selector, term.match_label_keys, labels),
    )


def taints(found: Iterable[wire.NodeTaint] | None) -> tuple[Taint, ...]:
    """Decode the taints of a node."""
    return tuple(
        Taint(key=each.key, value=each.value or "", effect=each.effect) for each in found or ()
    )


@lru_cache(maxsize=4096)
def _same(found: Placement) -> Placement:
    """Return one shared object for equal placements, because most VMs have the same placement."""
    return ANYWHERE if found == ANYWHERE else found


def _toleration(each: wire_placement.Toleration) -> Toleration:
    return Toleration(
        key=each.key or "",
        operator=each.operator or "Equal",
        value=each.value or "",
        effect=each.effect or "",
    )


def _requirements(found: Iterable[wire_placement.Expression] | None) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(key=each.key, operator=each.operator, values=tuple(each.values or ()))
        for each in found or ()
    )


def selector(
    found: wire_placement.LabelSelector | None,
    same_labels: Iterable[str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> tuple[Requirement, ...]:
    """Decode a label selector.

    *same_labels* contains label keys, as in ``matchLabelKeys``. For each of these keys, the
    selector requires the value in *labels*.
    """
    own = labels or {}
    pairs = dict((found.match_labels if found else None) or {})
    pairs |= {key: own[key] for key in same_labels or () if key in own}
    return (
        *(Requirement(key=k, operator="In", values=(v,)) for k, v in sorted(pairs.items())),
        *_requirements(found.match_expressions if found else None),
    )
