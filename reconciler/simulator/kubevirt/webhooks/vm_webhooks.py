"""VMWebhooks: the webhooks of virt-api that set default values of VMs and deny invalid VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.admission import Denial, Review, denied
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.cluster_config import MULTI_ARCHITECTURE_GATE
from reconciler.simulator.kubevirt.object_fields import LIVE_UPDATE_FEATURES, VMS, Json, dig, size
from reconciler.simulator.kubevirt.rules import defaults, instancetypes, memory_hotplug, v1_1

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster

MUTATOR: Final = "virtualmachines-mutator.kubevirt.io"
VALIDATOR: Final = "virtualmachine-validator.kubevirt.io"
MEMORY_FIELD: Final = "spec.template.spec.domain.memory.guest"
RUNNING_WARNING: Final = "spec.running is deprecated, please use spec.runStrategy instead."
_MEMORY_FIELDS: Final = frozenset({MEMORY_FIELD, "spec.template.spec.domain.memory.maxGuest"})
_LEAST: Final = {0: "0", 1_000_000: "1M"}
"""Maps the smallest accepted memory requests, in bytes, to the text in virt-api's messages."""


class VMWebhooks:
    """Mutates and validates VirtualMachines."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._types = instancetypes.Instancetypes(cluster.store)

    def register(self, admission: Admission) -> None:
        """Registers the webhooks with the simulated API server."""
        admission.mutating(VMS, self.mutate)
        admission.validating(VMS, self.validate)

    def mutate(self, review: Review) -> Denial | None:
        """Sets the default values of a VM, and converts its quantities to canonical form.

        The webhook denies a wrong type or an invalid quantity before the schema is checked.

        Source: observed on KubeVirt v1.9.0.
        """
        if review.operation == "DELETE" or review.subresource:
            return None
        config = self._cluster.config
        if not config.behaviour.vm_live_update_features:
            # KubeVirt v1.2 and newer do not have spec.liveUpdateFeatures.
            review.object["spec"].pop(LIVE_UPDATE_FEATURES, None)
        guest = dig(review.object, *MEMORY_FIELD.split("."))
        if (wrong := _wrong_type(guest, integers=config.behaviour.integer_guest)) is not None:
            return Denial(webhook=MUTATOR, message=wrong, causes=({"message": wrong},))
        new_uid = self._cluster.store.ids.uid if review.operation == "CREATE" else None
        try:
            defaults.vm_defaults(review.object, config, new_uid)
        except quantity.QuantityError as error:
            return Denial(webhook=MUTATOR, message=str(error), code=400, reason="")
        return self._matcher_denial(review)

    def validate(self, review: Review) -> Denial | None:
        """Denies VMs whose run strategy, instancetype, architecture or memory fields are invalid.

        Source: v1.9.0 pkg/virt-api/webhooks/validating-webhook/admitters/vms-admitter.go:115-296.
        """
        vm = review.object
        if (
            review.operation == "DELETE"
            or review.subresource
            or vm["metadata"].get("deletionTimestamp")
        ):
            return None
        spec = vm["spec"]
        if "running" in spec:
            review.warnings.append(RUNNING_WARNING)
            if "runStrategy" in spec:
                return denied(
                    VALIDATOR,
                    "Running and RunStrategy are mutually exclusive. Note that Running is "
                    "deprecated, please use RunStrategy instead",
                    "spec.running",
                )
        return (
            self._instancetype_denial(vm)
            or self._architecture_denial(vm)
            or self._template_denial(vm)
            or self._live_update_denial(vm)
            or self._live_update_features_denial(review)
        )

    def _matcher_denial(self, review: Review) -> Denial | None:
        """Denies a new instancetype name with the old revision name (observed up to v1.4)."""
        if review.old is None or self._cluster.config.behaviour.instancetype_in_status:
            return None
        old, new = (dig(vm, "spec", "instancetype") or {} for vm in (review.old, review.object))
        stale = new.get("revisionName") and new.get("revisionName") == old.get("revisionName")
        if old.get("name") == new.get("name") or not stale:
            return None
        message = "the Matcher Name has been updated without updating the RevisionName"
        return denied(MUTATOR, message, "spec.instancetype.revisionName")

    def _instancetype_denial(self, vm: Json) -> Denial | None:
        if not dig(vm, "spec", "instancetype"):
            return None
        instancetype = self._types.effective(vm, self._cluster.config.behaviour)
        if instancetype is None:
            name = vm["spec"]["instancetype"].get("name", "")
            message = f"Failure to find instancetype: instancetype {name!r} not found"
            return denied(VALIDATOR, message.replace("'", '"'), "spec.instancetype")
        fields = instancetypes.conflicts(vm, instancetype)
        if not fields:
            return None
        parents = dict.fromkeys(f.rpartition(".")[0] if f in _MEMORY_FIELDS else f for f in fields)
        message = self._cluster.config.behaviour.conflict_message.format(
            guest=", ".join(fields), memory=", ".join(parents)
        )
        return denied(VALIDATOR, message, *fields)

    def _architecture_denial(self, vm: Json) -> Denial | None:
        """Denies architectures other than amd64 if the gate MultiArchitecture is not enabled.

        Source: v1.6.3 pkg/virt-api/webhooks/validating-webhook/admitters/vmi-create-admitter.go
        (validateArchitecture).
        """
        config = self._cluster.config
        wanted = dig(vm, "spec", "template", "spec", "architecture")
        gate = MULTI_ARCHITECTURE_GATE in config.gates
        if wanted == "amd64" or gate or not config.behaviour.multi_architecture_gate:
            return None
        field = "spec.template.spec.architecture"
        said = f"{MULTI_ARCHITECTURE_GATE} feature gate is not enabled in kubevirt-config"
        return denied(VALIDATOR, f"{said}, invalid entry {field}", field)

    def _template_denial(self, vm: Json) -> Denial | None:
        """Denies VMs whose guest size, requests, limits and hugepages contradict each other.

        Source: v1.9.0 pkg/virt-api/webhooks/validating-webhook/admitters
        (vmi-create-admitter.go:87,1024-1047,1112-1140).
        """
        config = self._cluster.config
        behaviour = config.behaviour
        domain = self._types.domain(vm, behaviour)
        prefix = "spec.template.spec.domain"
        guest = size(domain, "memory", "guest")
        requests = size(domain, "resources", "requests", "memory")
        limits = size(domain, "resources", "limits", "memory")
        field = f"{prefix}.resources.requests.memory"
        if requests is not None:
            shown = domain["resources"]["requests"]["memory"]
            least = next((n for n, text in _LEAST.items() if requests < n), None)
            if least is not None:
                message = f"{field} '{shown}': must be greater than or equal to {_LEAST[least]}."
                return denied(VALIDATOR, message, field)
            if limits is not None and requests > limits:
                other = (
                    f"{prefix}.resources.limits.memory '{domain['resources']['limits']['memory']}'"
                )
                return denied(VALIDATOR, f"{field} '{shown}' is greater than {other}", field)
        tolerant = config.live_update and behaviour.limit_follows
        if guest is not None and limits is not None and guest > limits and not tolerant:
            message = (
                f"{MEMORY_FIELD} '{domain['memory']['guest']}' must be equal to or less than the "
                f"memory limit {prefix}.resources.limits.memory "
                f"'{domain['resources']['limits']['memory']}'"
            )
            return denied(VALIDATOR, message, MEMORY_FIELD)
        return _hugepages_denial(domain, field)

    def _live_update_denial(self, vm: Json) -> Denial | None:
        """Denies a VM with its own maxGuest if its memory cannot be hotplugged.

        Source: v1.9.0 pkg/virt-api/webhooks/validating-webhook/admitters/vms-admitter.go:279-296.
        """
        config = self._cluster.config
        domain = self._types.domain(vm, config.behaviour)
        own = size(domain, "memory", "maxGuest")
        if not config.live_update or own is None:
            return None
        if vm["spec"].get("instancetype") and config.behaviour.instancetype_denied:
            return denied(VALIDATOR, v1_1.NO_INSTANCETYPE, "spec.instancetype")
        architecture = dig(vm, "spec", "template", "spec", "architecture") or "amd64"
        refused = memory_hotplug.hotplug_refusal(domain, architecture, own, config.behaviour)
        return None if refused is None else denied(VALIDATOR, refused, MEMORY_FIELD)

    def _live_update_features_denial(self, review: Review) -> Denial | None:
        """Denies a VM that violates the KubeVirt v1.1 rules for spec.liveUpdateFeatures."""
        config, meta = self._cluster.config, review.object["metadata"]
        if not config.behaviour.vm_live_update_features:
            return None
        refused = v1_1.refusal(review.object, config)
        if refused is None and review.old is not None:
            name = (meta["namespace"], meta["name"])
            running = self._cluster.inventory.migrations_of(name)
            uid = next((facts.uid for facts in running if facts.unfinished), "")
            vmi = self._cluster.vmi(*name)
            refused = v1_1.update_refusal(review.old, review.object, vmi, uid)
        return None if refused is None else denied(VALIDATOR, *refused)


def _hugepages_denial(domain: Json, field: str) -> Denial | None:
    """Denies a memory size that is not a multiple of the huge page size.

    Source: v1.9.0
    pkg/virt-api/webhooks/validating-webhook/admitters/vmi-create-admitter.go:1067-1096.
    """
    page = size(domain, "memory", "hugepages", "pageSize")
    if not page:
        return None
    requests, limits = (("resources", kind, "memory") for kind in ("requests", "limits"))
    sizes = (size(domain, *path) for path in (requests, ("memory", "guest"), limits))
    tested = next((n_bytes for n_bytes in sizes if n_bytes is not None), None)
    shown = (
        f"spec.template.spec.domain.hugepages.size '{domain['memory']['hugepages']['pageSize']}'"
    )
    if tested is not None and tested < page:
        said = "must be equal to or larger than page size"
        message = f"{field} '{quantity.binary(tested)}' {said} {shown}"
        return denied(VALIDATOR, message, field)
    if tested is not None and tested % page:
        message = f"{field} '{quantity.binary(tested)}' is not a multiple of the page size {shown}"
        return denied(VALIDATOR, message, field)
    return None


def _wrong_type(value: object, *, integers: bool) -> str | None:
    """Returns the error message for a guest size of the wrong type, or None.

    KubeVirt versions before v1.6.0 also deny integers (`must be of type string`).

    Source: observed on KubeVirt v1.3.1 and v1.9.0.
    """
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if integers:
            return None
        kind = "integer" if isinstance(value, int) else "number"
        return f'{MEMORY_FIELD} in body must be of type string: "{kind}"'
    kind = {dict: "object", list: "array", bool: "boolean"}.get(type(value), "null")
    accepted = "string,integer,number" if integers else "string"
    return f'{MEMORY_FIELD} in body must be of type {accepted}: "{kind}"'
