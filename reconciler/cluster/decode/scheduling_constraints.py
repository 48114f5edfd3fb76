"""Decodes the constraints of VM instances for nodes, and taints: ``placement``, ``taints``."""

from __future__ import annotations

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
    """Return the constraints of a VM instance for nodes; equal ones are shared.

    KubeVirt copies the tolerations, the affinity and the topology spread constraints to the
    launcher pod. Source: kubevirt v1.9.0 pkg/virt-controller/services/template.go.
    """
    if spec is None:
        return ANYWHERE
    affinity = spec.affinity
    node = affinity.node_affinity if affinity else None
    required = node.required_during_scheduling_ignored_during_execution if node else None
    apart = affinity.pod_anti_affinity if affinity else None
    terms = apart.required_during_scheduling_ignored_during_execution if apart else None
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
            Spread(
                topology_key=each.topology_key,
                selector=selector(each.label_selector, each.match_label_keys, labels),
            )
            for each in terms or ()
            if each.label_selector
            and not each.mismatch_label_keys
            and namespace in (each.namespaces or (namespace,))
        ),
        priority_class=shared(spec.priority_class_name),
    )
    return _same(found)


def taints(found: Iterable[wire.NodeTaint] | None) -> tuple[Taint, ...]:
    """Decode the taints of a node."""
    return tuple(
        Taint(key=each.key, value=each.value or "", effect=each.effect) for each in found or ()
    )


@lru_cache(maxsize=4096)
def _same(found: Placement) -> Placement:
    """Return one object for equal placements, because a fleet has few different ones."""
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
    """Decode a label selector, together with labels that must equal those of an object."""
    own = labels or {}
    pairs = dict((found.match_labels if found else None) or {})
    pairs |= {key: own[key] for key in same_labels or () if key in own}
    return (
        *(Requirement(key=k, operator="In", values=(v,)) for k, v in sorted(pairs.items())),
        *_requirements(found.match_expressions if found else None),
    )
