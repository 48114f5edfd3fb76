"""Sets the default values of VMs, and builds VMIs from VMs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import (
    LIVE_UPDATE_FEATURES,
    Json,
    controller_reference,
    dig,
    section,
    size,
)
from reconciler.simulator.kubevirt.rules import memory_hotplug

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig

VM_FINALIZER: Final = "kubevirt.io/virtualMachineControllerFinalize"
GENERATION_ANNOTATION: Final = "kubevirt.io/vm-generation"
OBSERVED_VERSIONS: Final = {
    "kubevirt.io/latest-observed-api-version": "v1",
    "kubevirt.io/storage-observed-api-version": "v1",
}
PCI_TOPOLOGY: Final = ("kubevirt.io/pci-topology-version", "v3")
_FIRMWARE_NAMESPACE: Final = uuid.UUID("6a1a24a1-4061-4607-8bf4-a3963d0c5895")

TOPOLOGY: Final = ("cores", "sockets", "threads")
_QUANTITIES: Final = ("guest", "maxGuest")


def vm_defaults(vm: Json, config: ClusterConfig, new_uid: Callable[[], str] | None) -> None:
    """Sets the default values of a VM in place, as KubeVirt's mutating webhook does.

    Args:
        vm: The VirtualMachine that a client creates or updates.
        config: The KubeVirt settings that virt-api uses.
        new_uid: Generates the firmware's UUID and serial for a create request, or is None.

    Raises:
        QuantityError: A memory size is not a quantity.

    Source: observed on KubeVirt v1.3.1, v1.6.3 and v1.9.0; v1.9.0 pkg/defaults/defaults.go:40-63.
    """
    template = section(vm, "spec", "template")
    meta = template.get("metadata")
    if config.behaviour.template_timestamp and new_uid is not None:
        section(template, "metadata").setdefault("creationTimestamp", None)
    if config.behaviour.pci_topology and new_uid is not None:
        section(template, "metadata", "annotations").setdefault(*PCI_TOPOLOGY)
    elif meta is None:
        template.pop("metadata", None)
    spec = section(template, "spec")
    spec.setdefault("architecture", "amd64")
    domain = section(spec, "domain")
    section(domain, "devices")
    section(domain, "resources")
    section(domain, "machine").setdefault("type", "q35")
    if config.behaviour.firmware_uuid and new_uid is not None:
        firmware = section(domain, "firmware")
        firmware.setdefault("serial", new_uid())
        firmware.setdefault("uuid", new_uid())
    rewrite_quantities(domain, quantity.canonical if new_uid is None else quantity.created)


def observe_versions(obj: Json) -> None:
    """Adds the annotations that KubeVirt sets on every object that it reconciles."""
    section(obj, "metadata", "annotations").update(OBSERVED_VERSIONS)


def rewrite_quantities(domain: Json, form: Callable[[str], str]) -> None:
    """Rewrites the quantities in the domain section of a VM or VMI in place.

    Args:
        domain: The domain to change.
        form: Converts a quantity to the form that KubeVirt stores.

    Raises:
        QuantityError: A value is not a quantity.
    """
    memory, resources = domain.get("memory"), domain.get("resources") or {}
    for parent in (memory, resources.get("requests"), resources.get("limits")):
        names = _QUANTITIES if parent is memory else parent or ()
        for name in names:
            if isinstance(parent, dict) and parent.get(name) is not None:
                parent[name] = form(parent[name])


def make_vmi(vm: Json, domain: Json, config: ClusterConfig) -> Json:
    """Builds the VMI for a VM that starts.

    Args:
        vm: The VirtualMachine that starts.
        domain: The VM's domain, with its instancetype applied.
        config: The KubeVirt settings that virt-controller uses, which determine maxGuest.

    Returns:
        The new VMI, in the phase Pending.

    Source: observed on KubeVirt v1.3.1, v1.6.3 and v1.9.0; v1.9.0
    pkg/defaults/defaults.go:84-156,239-260.
    """
    template = vm["spec"]["template"]
    spec: Json = json_codec.copy(template["spec"])
    spec["domain"] = json_codec.copy(domain)
    _domain_defaults(spec, vm, config)
    # The eviction strategy is fixed when the VMI starts; later changes to the CR do not affect it.
    spec.setdefault("evictionStrategy", config.eviction_strategy)
    for volume in spec.get("volumes") or ():
        if "containerDisk" in volume:
            volume["containerDisk"].setdefault("imagePullPolicy", "IfNotPresent")
    meta = vm["metadata"]
    template_meta = template.get("metadata") or {}
    annotations = {
        **(template_meta.get("annotations") or {}),
        GENERATION_ANNOTATION: str(meta["generation"]),
    }
    if instancetype := dig(vm, "spec", "instancetype"):
        cluster_wide = (
            str(instancetype.get("kind", "")).lower().startswith("virtualmachinecluster")
        )
        scope = "cluster-instancetype-name" if cluster_wide else "instancetype-name"
        annotations[f"kubevirt.io/{scope}"] = instancetype["name"]
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {
            "annotations": annotations,
            "finalizers": [VM_FINALIZER, config.behaviour.finalizer],
            **({"labels": dict(labels)} if (labels := template_meta.get("labels")) else {}),
            "name": meta["name"],
            "namespace": meta["namespace"],
            "ownerReferences": [controller_reference(vm)],
        },
        "spec": spec,
        "status": _first_status(spec["domain"], revision_name(vm)),
    }


def revision_name(vm: Json) -> str:
    """Returns the name of the ControllerRevision that stores the spec of a starting VM."""
    return f"revision-start-vm-{vm['metadata']['uid']}-{vm['metadata']['generation']}"


def _domain_defaults(spec: Json, vm: Json, config: ClusterConfig) -> None:
    domain = spec["domain"]
    _cpu_defaults(section(domain, "cpu"), config)
    section(domain, "features", "acpi").setdefault("enabled", True)
    section(domain, "firmware").setdefault(
        "uuid", str(uuid.uuid5(_FIRMWARE_NAMESPACE, vm["metadata"]["name"]))
    )
    _memory_defaults(spec, vm, config)
    rewrite_quantities(domain, quantity.canonical)


def _cpu_defaults(cpu: Json, config: ClusterConfig) -> None:
    """Sets the default CPU topology of a VMI, unless the VM sets a part of the topology."""
    cpu.setdefault("model", "host-model")
    if not any(cpu.get(part) for part in TOPOLOGY):
        cpu.update(dict.fromkeys(TOPOLOGY, 1))
    if config.live_update and (sockets := cpu.get("sockets")):
        max_sockets = config.max_cpu_sockets or sockets * config.max_hotplug_ratio
        cpu.setdefault("maxSockets", max_sockets)


def _memory_defaults(spec: Json, vm: Json, config: ClusterConfig) -> None:
    domain = spec["domain"]
    resources = section(domain, "resources")
    memory_section = section(domain, "memory")
    if "guest" not in memory_section:
        fallback = (
            dig(resources, "requests", "memory")
            or dig(resources, "limits", "memory")
            or dig(memory_section, "hugepages", "pageSize")
        )
        if fallback is not None:
            memory_section["guest"] = fallback
    if config.behaviour.default_requests:
        _default_requests(resources, memory_section, config)
    if config.behaviour.vm_live_update_features and dig(
        vm, "spec", LIVE_UPDATE_FEATURES, "memory", "maxGuest"
    ):
        memory_section["maxGuest"] = vm["spec"][LIVE_UPDATE_FEATURES]["memory"]["maxGuest"]
    has_memory = dig(vm, "spec", "template", "spec", "domain", "memory") is not None
    if config.updates_live(vm) and (has_memory or config.behaviour.instancetypes_live):
        ceiling = memory_hotplug.start_max_guest(
            domain,
            spec.get("architecture", "amd64"),
            cluster_max_guest=config.max_guest,
            ratio=config.max_hotplug_ratio,
            behaviour=config.behaviour,
        )
        if ceiling is not None:
            memory_section["maxGuest"] = quantity.binary(ceiling)
    if not memory_section:
        del domain["memory"]


def _default_requests(resources: Json, memory_section: Json, config: ClusterConfig) -> None:
    """Sets the memory requests of a VMI to its limits or, without limits, to its guest size.

    Source: v1.6.0 pkg/defaults/defaults.go (setDefaultResourceRequests), which v1.7.0 removed.
    """
    limits = dig(resources, "limits", "memory")
    if limits is None and "guest" not in memory_section:
        return
    guest = quantity.parse(memory_section.get("guest", 0)) * 100 // config.memory_overcommit
    section(resources, "requests").setdefault("memory", limits or quantity.binary(guest))


def _first_status(domain: Json, revision: str) -> Json:
    cpu = domain["cpu"]
    topology = {part: cpu[part] for part in TOPOLOGY if cpu.get(part)}
    status: Json = {
        "currentCPUTopology": topology,
        "guestOSInfo": {},
        "phase": "Pending",
        "runtimeUser": 107,
        "virtualMachineRevisionName": revision,
    }
    if (guest := size(domain, "memory", "guest")) is not None:
        text = quantity.binary(guest)
        status["memory"] = {"guestAtBoot": text, "guestCurrent": text, "guestRequested": text}
    return status
