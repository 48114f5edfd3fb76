"""Simulates Harvester: its Setting for the hotplug ratio, its Helm chart, and its VM webhooks.

Source: harvester v1.6 to v1.8 pkg/controller/master/setting/max_hotplug_ratio.go,
pkg/webhook/resources/virtualmachine/mutator.go and its enhancement proposal in issue 7315. It is
inferred from Fleet's behaviour that Fleet applies the whole chart again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.admission import Denial, Review
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import (
    KUBEVIRTS,
    VMIS,
    VMS,
    Json,
    dig,
    is_final,
    section,
    size,
)
from reconciler.simulator.store.history import Key
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.owners.owner_specs import HarvesterSpec
    from reconciler.simulator.store.history import StoreEvent

NAMESPACE: Final = "harvester-system"
NAME: Final = "kubevirt"
API_VERSION: Final = "harvesterhci.io/v1beta1"
SETTING: Final = Key("settings.harvesterhci.io", "", "max-hotplug-ratio")
MANAGER: Final = "harvester"
HOTPLUG_ANNOTATION: Final = "harvesterhci.io/enableCPUAndMemoryHotplug"
RESERVED_ANNOTATION: Final = "harvesterhci.io/reservedMemory"
DEFAULT_RATIO: Final = "4"
_WEBHOOK: Final = "validator.harvesterhci.io"
_RESERVED: Final = 100 * 1024**2
"""The memory in bytes that Harvester reserves for QEMU within the memory limit of a VM."""
_HIGHEST_RATIO: Final = 20
_FLEET_S: Final = (10.0, 20.0)
"""The estimated seconds from an edit of the KubeVirt CR until Fleet applies the chart again."""


def with_ratio(spec: Mapping[str, object], ratio: str) -> Json:
    """Returns a KubeVirt spec with the hotplug ratio from a Harvester Setting."""
    made: Json = json_codec.copy(dict(spec))
    section(made, "configuration", "liveUpdateConfiguration")["maxHotplugRatio"] = int(ratio)
    return made


class HarvesterOperator:
    """Writes the hotplug ratio into the KubeVirt CR; restores the chart's values after edits."""

    def __init__(self, cluster: Cluster, spec: HarvesterSpec, chart: Json) -> None:
        self._cluster = cluster
        self._spec = spec
        self._chart = chart
        self._kubevirt = Key(KUBEVIRTS, NAMESPACE, NAME)
        self.queue: WorkQueue[Key] = WorkQueue(cluster.engine, self.sync, latency_s=(0.5, 1.5))
        self.fleet: WorkQueue[Key] = WorkQueue(cluster.engine, self.apply, latency_s=_FLEET_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues the Setting after it changes, or the chart after the KubeVirt CR changes."""
        if event.type == "DELETED" or self._spec.down:
            return
        if event.key == SETTING:
            self.queue.add(event.key)
        elif event.key == self._kubevirt:
            self.fleet.add(event.key)

    def sync(self, key: Key) -> None:
        """Writes the hotplug ratio into the KubeVirt CR, like Harvester's setting controller."""
        setting = self._cluster.store.get(key) or {}
        ratio = setting.get("value") or setting.get("default") or DEFAULT_RATIO
        self._write(lambda stored: with_ratio(stored["spec"], ratio), MANAGER)

    def apply(self, _key: Key) -> None:
        """Applies Harvester's chart again, but keeps the hotplug ratio, which is not in it."""

        def reapplied(stored: Json) -> Json:
            live_update = dig(stored, "spec", "configuration", "liveUpdateConfiguration") or {}
            ratio = live_update.get("maxHotplugRatio")
            made: Json = json_codec.copy(self._chart)
            if ratio is not None:
                made = with_ratio(made, str(ratio))
            return made

        self._write(reapplied, "fleetagent")

    def _write(self, wanted: object, manager: str) -> None:
        store = self._cluster.store
        stored = store.get(self._kubevirt)
        if stored is None or not callable(wanted):
            return
        spec = wanted(stored)
        if spec != stored["spec"]:
            store.mutate(self._kubevirt, lambda each: each.update(spec=spec), manager=manager)


class HarvesterWebhooks:
    """Harvester's webhooks for VMs and for the Setting of the hotplug ratio."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def register(self, admission: Admission) -> None:
        """Registers the webhooks with the simulated API server."""
        admission.mutating(VMS, self.mutate)
        admission.validating(VMS, self.validate)
        admission.validating(SETTING.resource, self.validate_setting)

    def mutate(self, review: Review) -> Denial | None:
        """Sets the guest memory of a VM without the hotplug annotation from the memory limit."""
        if review.operation == "DELETE" or review.subresource or _hotpluggable(review.object):
            return None
        domain = ("spec", "template", "spec", "domain")
        limit = size(review.object, *domain, "resources", "limits", "memory")
        if limit is None:
            return None
        reserved = dig(review.object, "metadata", "annotations", RESERVED_ANNOTATION)
        guest = limit - (quantity.parse(reserved) if reserved else _RESERVED)
        section(review.object, *domain, "memory")["guest"] = quantity.binary(guest)
        return None

    def validate(self, review: Review) -> Denial | None:
        """Denies a hotplug that shrinks the memory of a running VM or exceeds the VM's maxGuest.

        The simulator assumes that Harvester denies such changes only for running VMs: the proposal
        lists them for hotplug, because KubeVirt would set the condition RestartRequired.
        """
        old = review.old
        if review.operation != "UPDATE" or review.subresource or old is None:
            return None
        if not _hotpluggable(review.object) or not self._is_running(review.object):
            return None
        memory = ("spec", "template", "spec", "domain", "memory")
        before, after = size(old, *memory, "guest"), size(review.object, *memory, "guest")
        highest = size(review.object, *memory, "maxGuest")
        if before is None or after is None or before == after:
            return None
        if after < before:
            message = f"memory cannot be decreased from {_text(before)} to {_text(after)}"
            return Denial(webhook=_WEBHOOK, message=message, code=400, reason="BadRequest")
        if highest is not None and after > highest:
            message = f"memory {_text(after)} exceeds the maximum {_text(highest)}"
            return Denial(webhook=_WEBHOOK, message=message, code=400, reason="BadRequest")
        return None

    def _is_running(self, vm: Json) -> bool:
        key = Key(VMIS, vm["metadata"]["namespace"], vm["metadata"]["name"])
        vmi = self._cluster.store.get(key)
        return vmi is not None and not is_final(vmi)

    def validate_setting(self, review: Review) -> Denial | None:
        """Denies a hotplug ratio that is not an integer from 1 to 20."""
        value = review.object.get("value") or ""
        if review.operation == "DELETE" or not value:
            return None
        if value.isdigit() and 1 <= int(value) <= _HIGHEST_RATIO:
            return None
        message = f"invalid value {value}: must be an integer between 1 and {_HIGHEST_RATIO}"
        return Denial(webhook=_WEBHOOK, message=message, code=400, reason="BadRequest")


def _hotpluggable(vm: Json) -> bool:
    value = dig(vm, "metadata", "annotations", HOTPLUG_ANNOTATION)
    return str(value).lower() == "true"


def _text(n_bytes: int) -> str:
    return quantity.binary(n_bytes)
