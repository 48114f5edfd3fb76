"""``Capacity``: the resources that pods use and that quotas allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.diagnostic import Diagnostic
from reconciler.model.live.aware_quota import DEFAULT_CALCULATOR
from reconciler.model.live.placement import Requirement
from reconciler.model.references import Uid

PRIORITY_CLASS = "PriorityClass"
"""The scope of a quota that selects pods by their priority class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUse:
    """The resources that one or more pods request."""

    memory: int = 0
    """The requested memory in bytes, without huge pages."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """The requested bytes of huge pages by page size, such as ``2Mi``."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Other requests: ``cpu`` in millicores, ``pods``, and devices such as ``nvidia.com/gpu``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A virt-launcher pod that has not terminated and therefore uses capacity."""

    namespace: str
    node: str = ""
    """The name of the pod's node; empty until the pod is scheduled."""
    requests: ResourceUse
    """The requests of the whole pod, as the scheduler and quotas count them."""
    limit: int = 0
    """The sum of all containers' ``limits.memory`` in bytes; a container without limit adds 0."""
    cpu_limit: int = 0
    """The sum of the containers' ``limits.cpu`` in millicores."""
    guest_request: int = 0
    """``requests.memory`` of the container that runs the guest, in bytes; 0 if not known."""
    guest_limit: int = 0
    """``limits.memory`` of the container that runs the guest, in bytes; 0 if it is not set."""
    guest_cpu_request: int = 0
    """``requests.cpu`` of the container that runs the guest, in millicores; 0 if not known."""
    guest_cpu_limit: int = 0
    """``limits.cpu`` of the container that runs the guest, in millicores; 0 if it is not set."""
    priority_class: str = ""
    gates: tuple[str, ...] = ()
    """The names of the pod's scheduling gates, which delay its scheduling."""
    created_at: datetime | None = None
    """When the pod was created; read only for a pod with scheduling gates."""


def quota_amounts(
    requests: ResourceUse, limit: int | None = None, cpu_limit: int = 0
) -> dict[str, int]:
    """Return the amount of each quota resource that a pod uses.

    Args:
        requests: The requests of the pod.
        limit: ``limits.memory`` of the pod in bytes; None if it is not known.
        cpu_limit: ``limits.cpu`` of the pod in millicores.

    Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go (podComputeUsageHelper).
    """
    amounts = {"requests.memory": requests.memory, "memory": requests.memory}
    if limit is not None:
        amounts["limits.memory"] = limit
    amounts |= {"pods": 1, "count/pods": 1}
    if cpu_limit:
        amounts["limits.cpu"] = cpu_limit
    for size, n_bytes in requests.hugepages.items():
        amounts |= {f"hugepages-{size}": n_bytes, f"requests.hugepages-{size}": n_bytes}
    for name, amount in requests.others.items():
        if name == "cpu":
            amounts |= {"cpu": amount, "requests.cpu": amount}
        elif "/" in name:
            amounts[f"requests.{name}"] = amount
    return amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUse:
    """The resources that the pods on one node request."""

    requested: ResourceUse = field(default_factory=ResourceUse)
    moving: ResourceUse = field(default_factory=ResourceUse)
    """The part of ``requested`` that belongs to the pods of migrating VMs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A ResourceQuota, reduced to the resources that launcher pods use."""

    name: str
    hard: Mapping[str, int] = field(default_factory=dict)
    """The limit of each resource in bytes, millicores, or a number of pods or devices."""
    used: Mapping[str, int] = field(default_factory=dict)
    moving: Mapping[str, int] = field(default_factory=dict)
    """The maximum amount of each resource that becomes free when the running migrations end."""
    priority: tuple[Requirement, ...] = ()
    """Requirements for the pod's priority class, from the quota's ``scopeSelector``."""
    managed_by_rancher: bool = False
    """Whether Rancher manages the quota; Harvester raises such a quota during migrations."""
    cluster_wide: bool = False
    """Whether the quota counts the pods of several namespaces together."""

    def counts(self, priority_class: str) -> bool:
        """Return whether the quota counts a pod with a given priority class.

        Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go (podMatchesSelector).
        """
        own = {PRIORITY_CLASS: priority_class} if priority_class else {}
        return all(each.holds(own) for each in self.priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitBound:
    """The bounds that a LimitRange sets for a container or pod; 0 for a bound that is not set."""

    kind: str
    """The kind of object that is limited: ``Container`` or ``Pod``."""
    resource: str
    """The limited resource: ``memory`` in bytes, or ``cpu`` in millicores."""
    minimum: int = 0
    maximum: int = 0
    ratio: int = 0
    """``maxLimitRequestRatio``: the maximum ratio of limit to request, in thousandths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRange:
    """A LimitRange, reduced to the memory and CPUs of containers and pods."""

    name: str
    default: int = 0
    """The default ``limits.memory`` of a container without a limit, in bytes; 0 if not set."""
    default_cpu: int = 0
    """The default ``limits.cpu`` of a container without a limit, in millicores; 0 if not set."""
    bounds: tuple[LimitBound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AwareQuotas:
    """The quotas of Application-Aware Quota (AAQ), and how AAQ counts VMs."""

    calculator: str = DEFAULT_CALCULATOR
    """How Application-Aware Quota counts VMs, usually one of ``aware_quota.Calculator``."""
    by_namespace: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The memory that pods use on nodes, and the limits of quotas, at one moment."""

    observed_at: datetime
    pods_known: bool = True
    """Whether pods could be listed; false if the permission to list pods is missing."""
    quotas_known: bool = True
    """Whether quotas could be listed; false if the permission to list quotas is missing."""
    nodes: Mapping[str, NodeUse] = field(default_factory=dict)
    """The resources that pods use on each node, by node name; nodes without pods are omitted."""
    launchers: Mapping[Uid, tuple[Launcher, ...]] = field(default_factory=dict)
    """The launcher pods of each VMI, by its uid; a migrating VMI has two launcher pods."""
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict)
    """The quotas of each namespace, sorted by name."""
    aware: AwareQuotas = field(default_factory=AwareQuotas)
    limit_ranges: Mapping[str, tuple[LimitRange, ...]] = field(default_factory=dict)
    """The LimitRanges of each namespace that limit memory or CPUs, sorted by name."""
    diagnostics: tuple[Diagnostic, ...] = ()
