"""The JSON fields of Application-Aware Quota (AAQ) that this program reads, as msgspec Structs."""

from __future__ import annotations

from reconciler.cluster.decode.structs.wire import Amount, Meta, Wire
from reconciler.cluster.decode.structs.wire_capacity import QuotaSpec, QuotaStatus
from reconciler.cluster.decode.structs.wire_placement import LabelSelector


class AwareQuotaSpec(Wire, frozen=True):
    """The ``spec`` of an ApplicationAwareResourceQuota.

    Its scopes are not read, because the controller that removes the scheduling gates ignores them.
    Source: kubevirt/application-aware-quota pkg/aaq-controller/aaq-gate-controller
    (getArtificialRqsForGateController), commit 0c8a5eca.
    """

    hard: dict[str, Amount] | None = None


class AwareQuota(Wire, frozen=True):
    """An ApplicationAwareResourceQuota, as the API server sends it."""

    metadata: Meta
    spec: AwareQuotaSpec | None = None
    status: QuotaStatus | None = None


class NamespaceStatus(Wire, frozen=True):
    """A namespace in the status of an ApplicationAwareClusterResourceQuota."""

    namespace: str = ""


class ClusterQuotaSpec(Wire, frozen=True):
    """The ``spec`` of an ApplicationAwareClusterResourceQuota."""

    quota: QuotaSpec | None = None


class ClusterQuotaStatus(Wire, frozen=True):
    """The ``status`` of an ApplicationAwareClusterResourceQuota."""

    total: QuotaStatus | None = None
    namespaces: list[NamespaceStatus] | None = None


class ClusterAwareQuota(Wire, frozen=True):
    """An ApplicationAwareClusterResourceQuota, as the API server sends it."""

    metadata: Meta
    spec: ClusterQuotaSpec | None = None
    status: ClusterQuotaStatus | None = None


class Calculator(Wire, frozen=True):
    """The ``spec.configuration.vmiCalculatorConfiguration`` of an AAQ object."""

    config_name: str | None = None


class Configuration(Wire, frozen=True):
    """The ``spec.configuration`` of an AAQ object."""

    vmi_calculator_configuration: Calculator | None = None


class AaqSpec(Wire, frozen=True):
    """The ``spec`` of an AAQ object."""

    configuration: Configuration | None = None
    namespace_selector: LabelSelector | None = None


class Aaq(Wire, frozen=True):
    """The AAQ object, which configures the installation of Application-Aware Quota (AAQ)."""

    metadata: Meta
    spec: AaqSpec | None = None


class Namespace(Wire, frozen=True):
    """A namespace with its labels."""

    metadata: Meta
