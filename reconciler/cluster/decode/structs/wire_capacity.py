"""The JSON fields of pods and quotas that this program reads, as msgspec Structs."""

from __future__ import annotations

import msgspec

from reconciler.cluster.decode.structs.wire import Amount, Meta, Wire
from reconciler.cluster.decode.structs.wire_placement import ScopeExpression


class PodLabels(msgspec.Struct, frozen=True, rename={"created_by": "kubevirt.io/created-by"}):
    """The launcher pod label that contains the uid of the VM instance."""

    created_by: str | None = None


class PodMeta(Wire, frozen=True):
    """A pod's ``metadata``."""

    name: str
    namespace: str | None = None
    creation_timestamp: str | None = None
    labels: PodLabels | None = None


class Limits(Wire, frozen=True):
    """Amounts of memory and CPU, in a container's ``limits`` or in a LimitRange."""

    memory: Amount = None
    cpu: Amount = None


class PodResources(Wire, frozen=True):
    """The ``resources`` of a container or of a whole pod."""

    requests: dict[str, Amount] | None = None
    limits: Limits | None = None


class Container(Wire, frozen=True):
    """A container or init container of a pod."""

    name: str = ""
    resources: PodResources | None = None
    restart_policy: str | None = None


class SchedulingGate(Wire, frozen=True):
    """A scheduling gate of a pod; the scheduler ignores a pod that has a gate."""

    name: str = ""


class PodSpec(Wire, frozen=True):
    """A pod's ``spec``."""

    node_name: str | None = None
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    resources: PodResources | None = None
    overhead: dict[str, Amount] | None = None
    priority_class_name: str | None = None
    scheduling_gates: list[SchedulingGate] | None = None


class PodStatus(Wire, frozen=True):
    """A pod's ``status``."""

    phase: str | None = None


class Pod(Wire, frozen=True):
    """A pod, with the fields that affect scheduling and quotas."""

    metadata: PodMeta
    spec: PodSpec | None = None
    status: PodStatus | None = None


class ScopeSelector(Wire, frozen=True):
    """A ResourceQuota's ``spec.scopeSelector``."""

    match_expressions: list[ScopeExpression] | None = None


class LimitItem(Wire, frozen=True):
    """An entry of a LimitRange's ``spec.limits``."""

    type: str = ""
    default: Limits | None = None
    min: Limits | None = None
    max: Limits | None = None
    max_limit_request_ratio: Limits | None = None


class LimitRangeSpec(Wire, frozen=True):
    """A LimitRange's ``spec``."""

    limits: list[LimitItem] | None = None


class LimitRange(Wire, frozen=True):
    """A LimitRange, as the API server sends it."""

    metadata: Meta
    spec: LimitRangeSpec | None = None


class QuotaSpec(Wire, frozen=True):
    """A ResourceQuota's ``spec``."""

    hard: dict[str, Amount] | None = None
    scopes: list[str] | None = None
    scope_selector: ScopeSelector | None = None


class QuotaStatus(Wire, frozen=True):
    """A ResourceQuota's ``status``."""

    hard: dict[str, Amount] | None = None
    used: dict[str, Amount] | None = None


class Quota(Wire, frozen=True):
    """A ResourceQuota, as the API server sends it."""

    metadata: Meta
    spec: QuotaSpec | None = None
    status: QuotaStatus | None = None
