"""HyperConvergedOperator: generates the KubeVirt CR from a HyperConverged object.

The operator compares the whole spec, and immediately overwrites every edit by another client.

Source: hyperconverged-cluster-operator controllers/operands/generic_operand.go,
controllers/handlers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import (
    KUBEVIRTS,
    Json,
    condition_status,
    controller_reference,
    dig,
    make_condition,
    section,
    set_condition,
)
from reconciler.simulator.kubevirt.owners.hyperconverged_spec import (
    PATCH_ANNOTATION,
    InvalidAnnotationError,
    kubevirt_spec,
)
from reconciler.simulator.store.history import Key
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.owners.hyperconverged_spec import Release
    from reconciler.simulator.kubevirt.owners.owner_specs import HyperConvergedSpec
    from reconciler.simulator.store.history import StoreEvent

MANAGER: Final = "hyperconverged-cluster-operator"
NAME: Final = "kubevirt-hyperconverged"
LABELS: Final = {
    "app": NAME,
    "app.kubernetes.io/component": "compute",
    "app.kubernetes.io/managed-by": "hco-operator",
    "app.kubernetes.io/part-of": "hyperconverged-cluster",
}
LATENCY_S: Final = (1.0, 2.0)
_RESOURCES: Final = {
    "v1beta1": "hyperconvergeds.hco.kubevirt.io",
    "v1": "hyperconvergeds.v1.hco.kubevirt.io",
}


def key_of(namespace: str, release: Release) -> Key:
    """Returns the key of the HyperConverged object in the object store."""
    return Key(_RESOURCES[release.api_version], namespace, NAME)


def kubevirt_name() -> str:
    """Returns the name of the KubeVirt CR that the HyperConverged operator creates."""
    return f"kubevirt-{NAME}"


def owner_reference(hyperconverged: Json) -> Json:
    """Builds the ownerReference from the KubeVirt CR to the HyperConverged object."""
    return controller_reference(hyperconverged)


class HyperConvergedOperator:
    """Simulates the HyperConverged Cluster Operator (HCO), including its injected faults."""

    def __init__(self, cluster: Cluster, spec: HyperConvergedSpec, namespace: str) -> None:
        self._cluster = cluster
        self._spec = spec
        self._key = key_of(namespace, spec.release)
        self._kubevirt = Key(KUBEVIRTS, namespace, kubevirt_name())
        self._down = spec.down
        self.queue: WorkQueue[Key] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)
        if spec.down and spec.back_s is not None:
            cluster.engine.at(spec.back_s, self._restart)

    def _restart(self) -> None:
        self._down = False
        self.queue.add(self._key)

    def observe(self, event: StoreEvent) -> None:
        """Queues the HyperConverged object when that object or the KubeVirt CR changes."""
        if event.key in {self._key, self._kubevirt} and event.type != "DELETED":
            self.queue.add(self._key)

    def sync(self, key: Key) -> None:
        """Updates the KubeVirt CR if its spec differs from the wanted spec; reports the result."""
        store = self._cluster.store
        hyperconverged = store.get(key)
        if hyperconverged is None or self._down:
            return
        annotations = dig(hyperconverged, "metadata", "annotations") or {}
        wanted, failure = None, ""
        try:
            wanted = kubevirt_spec(hyperconverged["spec"], annotations, self._spec.release)
        except InvalidAnnotationError as error:
            failure = f"invalid jsonpatch in the annotation {PATCH_ANNOTATION}: {error}"
        kubevirt = store.get(self._kubevirt)
        if wanted is not None and kubevirt is not None and kubevirt.get("spec") != wanted:
            kubevirt = store.mutate(
                self._kubevirt, lambda stored: stored.update(spec=wanted), manager=MANAGER
            )
        now = self._cluster.now()

        def report(stored: Json) -> None:
            report_status(stored, kubevirt, self._spec, now=now, failure=failure)

        store.mutate(key, report, status=True, manager=MANAGER)


def report_status(
    hyperconverged: Json,
    kubevirt: Json | None,
    spec: HyperConvergedSpec,
    *,
    now: str,
    failure: str = "",
) -> None:
    """Writes conditions, versions and generation into the status of a HyperConverged object."""
    status = section(hyperconverged, "status")
    status["observedGeneration"] = hyperconverged["metadata"]["generation"]
    status["versions"] = [{"name": "operator", "version": spec.release.name}]
    settled = (
        dig(kubevirt, "status", "observedGeneration") == dig(kubevirt, "metadata", "generation")
        and condition_status(kubevirt, "Available") == "True"
        and not spec.unavailable
    )
    tainted = PATCH_ANNOTATION in (dig(hyperconverged, "metadata", "annotations") or {})
    states = {
        "ReconcileComplete": not failure,
        "Available": settled and not failure,
        "Progressing": not settled and not failure,
        "Degraded": bool(failure),
    }
    waits_for = f"{spec.unavailable or 'KubeVirt'}NotAvailable"
    reasons = {True: "ReconcileCompleted", False: waits_for}
    for kind, on in states.items():
        reason = "ReconcileFailed" if failure else reasons[settled]
        made = make_condition(kind, str(on), at=now, reason=reason, message=failure)
        made.pop("lastProbeTime", None)
        set_condition(hyperconverged, made)
    if tainted:
        made = make_condition(
            "TaintedConfiguration",
            "True",
            at=now,
            reason="UnsupportedFeatureAnnotation",
            message="Unsupported feature was activated via an HCO annotation",
        )
        made.pop("lastProbeTime", None)
        set_condition(hyperconverged, made)
