"""``Placement``: the constraints on the nodes on which a VM instance's pod can run.

Source of the rules: kubernetes v1.36 pkg/scheduler/framework/plugins (tainttoleration,
nodeaffinity), staging/src/k8s.io/component-helpers/scheduling/corev1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REPELLING = frozenset({"NoSchedule", "NoExecute"})
"""The taint effects that keep new pods off a node, unlike PreferNoSchedule."""


UNREAD_LABELS = (
    "cpu-feature.node.kubevirt.io/",
    "cpu-model.node.kubevirt.io/",
    "cpu-model-migration.node.kubevirt.io/",
    "cpu-timer.node.kubevirt.io/",
    "host-model-cpu.node.kubevirt.io/",
    "host-model-required-features.node.kubevirt.io/",
    "hyperv.node.kubevirt.io/",
)
"""Prefixes of node labels that are not stored, because each node has hundreds of these labels.

A required label with such a prefix is not evaluated: every node counts as having a label that
the VM requires, and as lacking a label that the VM excludes.
"""


def is_unread(key: str) -> bool:
    """Return whether node labels with the given key are not stored."""
    return key.startswith(UNREAD_LABELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint on a node."""

    key: str
    value: str = ""
    effect: str

    def __str__(self) -> str:
        """Return the taint as kubectl writes it: ``key=value:effect``."""
        return f"{self.key}{f'={self.value}' if self.value else ''}:{self.effect}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A VM instance's toleration; an empty key with the operator Exists tolerates every taint."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    """The taint effect that is tolerated; empty for all effects."""

    def tolerates(self, taint: Taint) -> bool:
        """Return whether a pod with this toleration can run on a node with the taint."""
        if self.effect not in ("", taint.effect) or self.key not in ("", taint.key):
            return False
        if self.operator == "Exists":
            return True
        return bool(self.key) and self.operator in ("", "Equal") and self.value == taint.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One requirement of a label selector, such as ``zone In (a, b)``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet the requirement; an unknown operator is never met."""
        found = labels.get(self.key)
        match self.operator:
            case "In":
                return found in self.values
            case "NotIn":
                return found not in self.values
            case "Exists":
                return found is not None
            case "DoesNotExist":
                return found is None
            case "Gt" | "Lt":
                return self._compares(found)
            case _:
                return False

    def _compares(self, found: str | None) -> bool:
        try:
            left, right = int(found or ""), int(*self.values)
        except (TypeError, ValueError):
            return False
        return left > right if self.operator == "Gt" else left < right

    def __str__(self) -> str:
        """Return the selector requirement in kubectl's format."""
        if not self.values:
            return f"{self.key} {self.operator}"
        return f"{self.key} {self.operator} ({', '.join(self.values)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTerm:
    """A node selector term: requirements that a node must all meet."""

    labels: tuple[Requirement, ...] = ()
    names: tuple[Requirement, ...] = ()
    """Requirements for ``metadata.name``, the only field that Kubernetes supports."""

    def holds(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a node meets all requirements; an empty term matches no node.

        Requirements for labels that are not stored (``UNREAD_LABELS``) count as met.
        """
        own = {"metadata.name": name}
        return bool(self.labels or self.names) and (
            all(each.holds(labels) for each in self.labels if not is_unread(each.key))
            and all(each.holds(own) for each in self.names)
        )

    def __str__(self) -> str:
        """Return the term's requirements, separated by commas."""
        return ", ".join(map(str, (*self.labels, *self.names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A hard topology spread constraint (``whenUnsatisfiable: DoNotSchedule``)."""

    topology_key: str
    max_skew: int = 1
    selector: tuple[Requirement, ...] = ()
    """The label selector of the pods that the constraint counts."""
    min_domains: int = 1
    everywhere: bool = False
    """Whether a pod anti-affinity counts pods in all namespaces, not only in the VM's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The scheduling constraints of a VM instance, apart from its node selector."""

    tolerations: tuple[Toleration, ...] = ()
    node_terms: tuple[NodeTerm, ...] = ()
    """The required node affinity: a node must meet one of these terms; empty if it is not set."""
    spread: tuple[Spread, ...] = ()
    apart_from: tuple[Spread, ...] = ()
    """The required pod anti-affinity that includes the VM instance's own namespace.

    Each ``Spread`` has only a selector, a topology key and ``everywhere``.
    """
    together_with: tuple[Spread, ...] = ()
    """The required pod affinity; empty if a term also selects pods in other namespaces."""
    priority_class: str = ""

    @property
    def counts_pods(self) -> bool:
        """Whether a constraint depends on the pods that run on the nodes."""
        return bool(self.spread or self.apart_from or self.together_with)

    @property
    def repels_everywhere(self) -> bool:
        """Whether a pod anti-affinity counts the pods of all namespaces."""
        return any(each.everywhere for each in self.apart_from)

    def repelled_by(self, taints: tuple[Taint, ...]) -> Taint | None:
        """Return the first taint that keeps the VM's pod off a node, or None.

        Taints with the effect PreferNoSchedule are ignored.
        """
        return next(
            (
                taint
                for taint in taints
                if taint.effect in REPELLING
                and not any(each.tolerates(taint) for each in self.tolerations)
            ),
            None,
        )

    def attracted_to(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a node meets the required node affinity."""
        return not self.node_terms or any(each.holds(name, labels) for each in self.node_terms)


ANYWHERE = Placement()
"""The placement of VM instances without scheduling constraints."""
