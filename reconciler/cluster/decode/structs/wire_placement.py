"""The JSON fields that restrict on which nodes a VM instance can run, as msgspec Structs."""

from __future__ import annotations

from reconciler.cluster.decode.structs.wire import GuestSpec, Wire


class Toleration(Wire, frozen=True):
    """A VM instance's toleration for a node taint."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class Expression(Wire, frozen=True):
    """A requirement of a label selector or of a node selector."""

    key: str
    operator: str
    values: list[str] | None = None


class ScopeExpression(Wire, frozen=True):
    """A requirement in a quota's scope selector."""

    scope_name: str
    operator: str
    values: list[str] | None = None


class NodeSelectorTerm(Wire, frozen=True):
    """A term of a node selector."""

    match_expressions: list[Expression] | None = None
    match_fields: list[Expression] | None = None


class NodeSelector(Wire, frozen=True):
    """The required part of a node affinity."""

    node_selector_terms: list[NodeSelectorTerm] | None = None


class NodeAffinity(Wire, frozen=True):
    """A node affinity."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class LabelSelector(Wire, frozen=True):
    """A Kubernetes label selector."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[Expression] | None = None


class PodAffinityTerm(Wire, frozen=True):
    """A term of a pod affinity or anti-affinity."""

    topology_key: str = ""
    label_selector: LabelSelector | None = None
    namespaces: list[str] | None = None
    namespace_selector: LabelSelector | None = None
    match_label_keys: list[str] | None = None
    mismatch_label_keys: list[str] | None = None


class PodAffinity(Wire, frozen=True):
    """A pod affinity or anti-affinity."""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] | None = None


class Affinity(Wire, frozen=True):
    """A VM instance's ``spec.affinity``."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class SpreadConstraint(Wire, frozen=True):
    """An entry in a VM instance's ``spec.topologySpreadConstraints``."""

    topology_key: str = ""
    max_skew: int = 1
    min_domains: int | None = None
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None
    match_label_keys: list[str] | None = None


class VMISpec(GuestSpec, frozen=True):
    """A VM instance's ``spec``."""

    tolerations: list[Toleration] | None = None
    affinity: Affinity | None = None
    topology_spread_constraints: list[SpreadConstraint] | None = None
    priority_class_name: str | None = None
