"""VirtOperator: sets the KubeVirt CR to Deployed some seconds after each change to its spec."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import (
    KUBEVIRTS,
    Json,
    dig,
    make_condition,
    section,
    set_condition,
)
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.store.history import Key, StoreEvent

MANAGER: Final = "virt-operator"

NEW_INSTALLATION: Final = "v1.9.0"
"""The version of KubeVirt for a new KubeVirt CR that does not specify a version."""
LATENCY_S: Final = (0.1, 0.3)
SETTLE_S: Final = (2.0, 4.0)
"""The estimated duration, in seconds, of a reconcile round without component restarts."""
ROLLOUT_S: Final = (8.0, 12.0)
"""The estimated duration, in seconds, of a reconcile round in which KubeVirt components restart.

Components restart if the deployment ID changes.
"""
FINALIZER: Final = "foregroundDeleteKubeVirt"


class VirtOperator:
    """Simulates virt-operator, which reconciles the KubeVirt CR.

    Source: v1.9.0 pkg/virt-operator/kubevirt.go:1053-1126, pkg/virt-operator/util/client.go:44-86.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._rounds: dict[Key, int] = {}
        self.queue: WorkQueue[Key] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues the KubeVirt CR for reconciliation after a change."""
        if event.key.resource == KUBEVIRTS and event.type != "DELETED":
            self.queue.add(event.key)

    def sync(self, key: Key) -> None:
        """Starts a reconcile round if the spec of the KubeVirt CR is not deployed yet."""
        kubevirt = self._cluster.store.get(key)
        if kubevirt is None:
            return
        generation = kubevirt["metadata"]["generation"]
        if dig(kubevirt, "status", "observedGeneration") == generation:
            return
        if self._rounds.get(key) == generation:
            return
        self._rounds[key] = generation
        rollout = deployment_id(kubevirt) != dig(kubevirt, "status", "observedDeploymentID")
        now = self._cluster.now()

        def begin(stored: Json) -> None:
            report_progress(stored, now=now, rollout=rollout)

        self._cluster.store.mutate(key, begin, status=True, manager=MANAGER)
        delay_s = self._cluster.engine.between(*(ROLLOUT_S if rollout else SETTLE_S))
        self._cluster.engine.at(delay_s, lambda: self._complete(key, generation))

    def _complete(self, key: Key, generation: int) -> None:
        kubevirt = self._cluster.store.get(key)
        if kubevirt is None or kubevirt["metadata"]["generation"] != generation:
            return
        now = self._cluster.now()
        version = target_version(kubevirt)

        def settle(stored: Json) -> None:
            report_deployed(stored, now=now, version=version)

        self._cluster.store.mutate(key, settle, status=True, manager=MANAGER)


def target_version(kubevirt: Json) -> str:
    """Returns the KubeVirt version to deploy: spec.imageTag, the deployed version or a default."""
    asked = dig(kubevirt, "spec", "imageTag")
    return str(asked or dig(kubevirt, "status", "observedKubeVirtVersion") or NEW_INSTALLATION)


def deployment_id(kubevirt: Json) -> str:
    """Computes the deployment ID, which changes only if KubeVirt components must restart.

    In spec.configuration, only migrations.network affects the ID.

    Source: v1.9.0 pkg/virt-operator/util/config.go:179-261,672-694.
    """
    network = dig(kubevirt, "spec", "configuration", "migrations", "network") or ""
    text = f"{target_version(kubevirt)}/{kubevirt['metadata'].get('namespace')}/{network}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def report_progress(kubevirt: Json, *, now: str, rollout: bool) -> None:
    """Writes the conditions and phase of an unfinished reconcile round into the KubeVirt CR."""
    status = section(kubevirt, "status")
    status["phase"] = "Deploying"
    status["targetKubeVirtVersion"] = target_version(kubevirt)
    status["targetDeploymentID"] = deployment_id(kubevirt)
    reason = "UpdateInProgress" if rollout else "DeploymentInProgress"
    message = (
        f"Transitioning from previous version {status.get('observedKubeVirtVersion')}"
        if rollout
        else f"Deploying version {status['targetKubeVirtVersion']}"
    )
    states = {"Available": rollout, "Progressing": True, "Degraded": rollout}
    _report(kubevirt, states, reason, message, now)


def report_deployed(kubevirt: Json, *, now: str, version: str) -> None:
    """Writes the result of a finished reconcile round into the status of the KubeVirt CR."""
    status = section(kubevirt, "status")
    status["observedKubeVirtVersion"] = version
    status.update(
        phase="Deployed",
        observedGeneration=kubevirt["metadata"]["generation"],
        targetKubeVirtVersion=version,
        operatorVersion=version,
        observedDeploymentID=deployment_id(kubevirt),
        targetDeploymentID=deployment_id(kubevirt),
    )
    message = "All resources were created."
    _report(kubevirt, {"Created": True}, "AllResourcesCreated", message, now)
    states = {"Available": True, "Progressing": False, "Degraded": False}
    _report(kubevirt, states, "AllComponentsReady", "All components are ready.", now)


def _report(kubevirt: Json, states: dict[str, bool], reason: str, message: str, now: str) -> None:
    for kind, on in states.items():
        set_condition(
            kubevirt,
            make_condition(kind, str(on), at=now, probed=True, reason=reason, message=message),
        )
