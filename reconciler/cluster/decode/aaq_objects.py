"""Decodes the objects of Application-Aware Quota (AAQ): quotas, settings and namespaces."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.cluster.decode.pages import Kind
from reconciler.cluster.decode.scheduling_constraints import selector
from reconciler.cluster.decode.spare_capacity import (
    amount_of,
    is_judged,
    moving_amounts,
    priority_scopes,
)
from reconciler.cluster.decode.structs import wire_aware_quota as wire
from reconciler.cluster.decode.structs.wire_capacity import QuotaSpec
from reconciler.model.live.aware_quota import DEFAULT_CALCULATOR, GATE, VMI_KEYS, Calculator
from reconciler.model.live.capacity import AwareQuotas, Quota
from reconciler.model.live.placement import Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.cluster.decode.structs.wire import Amount
    from reconciler.cluster.decode.structs.wire_capacity import QuotaStatus
    from reconciler.model.live.capacity import Launcher
    from reconciler.model.references import Uid

ENABLE_GATING = "application-aware-quota/enable-gating"
"""The label of namespaces in which Application-Aware Quota (AAQ) adds a scheduling gate to pods.

A namespace selector in the AAQ object replaces this label.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwareQuota:
    """A quota of Application-Aware Quota (AAQ), and the namespaces to which the quota applies."""

    namespaces: tuple[str, ...]
    quota: Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class AaqSettings:
    """The settings of the Application-Aware Quota (AAQ) installation."""

    calculator: str = DEFAULT_CALCULATOR
    selector: tuple[Requirement, ...] | None = None
    """The label requirements for namespaces to which AAQ applies; None means the default label."""


def _own(item: wire.AwareQuota) -> AwareQuota:
    meta = item.metadata
    hard = item.spec.hard if item.spec else None
    return AwareQuota(
        namespaces=(meta.namespace or "",), quota=_quota(meta.name, hard, item.status)
    )


def _cluster_wide(item: wire.ClusterAwareQuota) -> AwareQuota:
    """Decode a cluster-wide quota; omit its namespaces if its scopes include no launcher pod.

    Source of the scopes: kubevirt/application-aware-quota pkg/aaq-controller/aaq-gate-controller
    (getArtificialRqsForGateController), commit 0c8a5eca.
    """
    status = item.status or wire.ClusterQuotaStatus()
    spec = (item.spec.quota if item.spec else None) or QuotaSpec()
    priority = priority_scopes(spec)
    namespaces = tuple(each.namespace for each in status.namespaces or ())
    return AwareQuota(
        namespaces=() if priority is None else namespaces,
        quota=replace(
            _quota(item.metadata.name, spec.hard, status.total),
            priority=priority or (),
            cluster_wide=True,
        ),
    )


def _quota(name: str, hard: dict[str, Amount] | None, status: QuotaStatus | None) -> Quota:
    """Build a quota from the limits in its status, or in its spec if the status has no limits.

    Limits that cannot apply to launcher pods are omitted.
    """
    limits = (status.hard if status else None) or hard or {}
    used = (status.used if status else None) or {}
    judged = [each for each in limits if each in VMI_KEYS or is_judged(each)]
    return Quota(
        name=name,
        hard={each: amount_of(limits[each], each) for each in judged},
        used={each: amount_of(used.get(each), each) for each in judged},
    )


def _settings(item: wire.Aaq) -> AaqSettings:
    spec = item.spec or wire.AaqSpec()
    chosen = spec.configuration.vmi_calculator_configuration if spec.configuration else None
    return AaqSettings(
        calculator=(chosen.config_name if chosen else None) or DEFAULT_CALCULATOR,
        selector=selector(spec.namespace_selector) if spec.namespace_selector else None,
    )


def _labelled(item: wire.Namespace) -> tuple[str, dict[str, str]]:
    return item.metadata.name, item.metadata.labels or {}


def with_moving(found: AwareQuotas, running: Mapping[Uid, tuple[Launcher, ...]]) -> AwareQuotas:
    """Add, to each quota that counts pods, the amounts that running migrations will free.

    Only IgnoreVmiCalculator counts both pods of a migration. No calculator counts a pod with a
    scheduling gate.

    Args:
        found: The quotas.
        running: The launcher pods of each VM instance, by its uid.
    """
    if found.calculator != Calculator.IGNORED:
        return found
    counted = {
        uid: tuple(pod for pod in pods if GATE not in pod.gates) for uid, pods in running.items()
    }
    by_namespace = moving_amounts(counted)
    shared: dict[str, Counter[str]] = defaultdict(Counter)
    for namespace, quotas in found.by_namespace.items():
        for each in quotas:
            if each.cluster_wide:
                shared[each.name].update(by_namespace[namespace])

    def freed(quota: Quota, namespace: str) -> Quota:
        back = shared[quota.name] if quota.cluster_wide else by_namespace[namespace]
        return replace(quota, moving={name: back[name] for name in quota.hard if back[name]})

    return replace(
        found,
        by_namespace={
            namespace: tuple(freed(each, namespace) for each in quotas)
            for namespace, quotas in found.by_namespace.items()
        },
    )


AWARE_QUOTAS = Kind("ApplicationAwareResourceQuota", wire.AwareQuota, _own)
CLUSTER_QUOTAS = Kind(
    "ApplicationAwareClusterResourceQuota", wire.ClusterAwareQuota, _cluster_wide
)
AAQS = Kind("AAQ", wire.Aaq, _settings)
NAMESPACES = Kind("Namespace", wire.Namespace, _labelled)
