"""Builds launcher pods for VMIs, including the target pods of migrations."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.simulator.encoding.json_codec import copy
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.inventory import CREATED_BY, MIGRATION_JOB
from reconciler.simulator.kubevirt.object_fields import (
    PODS,
    Json,
    controller_reference,
    dig,
    section,
    size,
)
from reconciler.simulator.kubevirt.rules import memory_overhead
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig

DOMAIN_ANNOTATION: Final = "kubevirt.io/domain"
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
OVERHEAD_ANNOTATION: Final = "kubevirt.io/memory-overhead-bytes"
CPU_ALLOCATION_RATIO: Final = 10
"""How many vCPUs share one CPU if the VMI requests no CPUs; this is KubeVirt's default."""
AUTO_LIMIT_RATIO: Final = 2
PLACEMENT: Final = ("tolerations", "topologySpreadConstraints", "priorityClassName", "affinity")
"""The fields of a VMI that are copied unchanged to its launcher pods."""
CPU_VENDOR_LABEL: Final = "cpu-vendor.node.kubevirt.io/"
"""The prefix of the node label for the CPU vendor; the value of the label is `true`."""


def make_pod(
    vmi: Json,
    config: ClusterConfig,
    suffix: str,
    migration: Json | None = None,
    node_labels: Mapping[str, str] | None = None,
) -> Json:
    """Builds the launcher pod for the current spec of a VMI.

    Args:
        vmi: The VMI, whose spec (not its status) determines the size of the pod.
        config: The KubeVirt settings that virt-controller uses.
        suffix: Five characters that end the pod's name.
        migration: The migration for which the pod is the target. A target pod avoids nodes with
            other pods of the VMI.
        node_labels: The labels of the source node. The target node must have the same CPU vendor.

    Source: v1.9.0 pkg/virt-controller/services/template.go:1633-1714,
    pkg/virt-controller/watch/migration/migration.go:889-911,986-1005; for CPUs and devices
    pkg/virt-controller/services/renderresources.go (WithCPU, WithGPUs, WithHostDevices).
    """
    meta = vmi["metadata"]
    labels = {
        **(meta.get("labels") or {}),
        "kubevirt.io": "virt-launcher",
        CREATED_BY: meta["uid"],
        "vm.kubevirt.io/name": meta["name"],
    }
    annotations = {DOMAIN_ANNOTATION: meta["name"]}
    memory = memory_overhead.pod_memory(vmi, config)
    if config.behaviour.memory_overhead_status:
        annotations[OVERHEAD_ANNOTATION] = str(memory.overhead)
    spec: Json = {
        "containers": _containers(vmi, memory),
        "nodeSelector": {
            "kubevirt.io/schedulable": "true",
            **(vmi["spec"].get("nodeSelector") or {}),
        },
        "restartPolicy": "Never",
        **{name: copy(vmi["spec"][name]) for name in PLACEMENT if name in vmi["spec"]},
    }
    if migration is not None:
        labels[MIGRATION_JOB] = migration["metadata"]["uid"]
        annotations["kubevirt.io/migrationJobName"] = migration["metadata"]["name"]
        anti = section(spec, "affinity", "podAntiAffinity")
        anti[REQUIRED] = [*(anti.get(REQUIRED) or ()), _away_from(meta["uid"])]
        if config.behaviour.same_cpu_vendor:
            spec["nodeSelector"].update(_cpu_vendor(node_labels or {}))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "annotations": annotations,
            "labels": labels,
            "name": f"virt-launcher-{meta['name']}-{suffix}",
            "namespace": meta["namespace"],
            "ownerReferences": [controller_reference(vmi)],
        },
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }


def add_auto_limit(pod: Json, quotas: Iterable[Mapping[str, str]]) -> None:
    """Sets a memory limit on the compute container if a quota in the namespace requires one.

    Source: v1.9.0 pkg/virt-controller/services/template.go:1696-1714, renderresources.go:310-317.
    """
    if not any("limits.memory" in hard for hard in quotas):
        return
    guest = next(each for each in pod["spec"]["containers"] if each["name"] == "compute")
    limits = section(guest, "resources", "limits")
    if "memory" not in limits:
        request = quantity.parse(guest["resources"]["requests"]["memory"])
        limits["memory"] = quantity.binary(AUTO_LIMIT_RATIO * request)


def invalid(pod: Json) -> str | None:
    """Returns the API server's error for a pod that requests more memory than its limit, or None.

    Source: kubernetes v1.36 pkg/apis/core/validation/validation.go (ValidateResourceRequirements).
    """
    for number, container in enumerate(pod["spec"]["containers"]):
        requests = size(container, "resources", "requests", "memory")
        limits = size(container, "resources", "limits", "memory")
        if requests is not None and limits is not None and requests > limits:
            return (
                f'Pod "{pod["metadata"]["name"]}" is invalid: '
                f"spec.containers[{number}].resources.requests: Invalid value: "
                f'"{container["resources"]["requests"]["memory"]}": must be less than or equal to '
                f"memory limit of {container['resources']['limits']['memory']}"
            )
    return None


def compute_memory(pod: Json) -> int:
    """Returns the memory request of the compute container, which runs the guest, in bytes."""
    guest = next(each for each in pod["spec"]["containers"] if each["name"] == "compute")
    return size(guest, "resources", "requests", "memory") or 0


def image(version: str) -> str:
    """Returns the container image of launcher pods for a KubeVirt version."""
    return f"quay.io/kubevirt/virt-launcher:{version}"


def pod_key(pod: Json) -> Key:
    """Returns the key of a pod in the object store."""
    return Key(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])


def _containers(vmi: Json, memory: memory_overhead.PodMemory) -> list[Json]:
    requests = {"cpu": _cpus(vmi), "memory": quantity.binary(memory.request), **_devices(vmi)}
    resources: Json = {"requests": requests}
    if memory.hugepages:
        name = f"hugepages-{quantity.binary(memory.hugepage_size)}"
        huge = {name: quantity.binary(memory.hugepages)}
        resources["requests"].update(huge)
        resources["limits"] = huge
    if memory.limit is not None:
        resources.setdefault("limits", {})["memory"] = quantity.binary(memory.limit)
    containers: list[Json] = [_container("compute", resources)]
    for volume in dig(vmi, "spec", "volumes") or ():
        if "containerDisk" in volume:
            small = _fixed(memory_overhead.CONTAINER_DISK, limit=40_000_000)
            containers.append(_container(f"volume{volume['name']}", small))
    if dig(vmi, "spec", "domain", "devices", "autoattachSerialConsole") is not False:
        log = _fixed(memory_overhead.CONSOLE_LOG_CONTAINER, limit=60_000_000)
        containers.append(_container("guest-console-log", log))
    return containers


def _container(name: str, resources: Json) -> Json:
    return {"image": f"registry.example/{name}:v1", "name": name, "resources": resources}


def _fixed(n_bytes: int, *, limit: int) -> Json:
    return {
        "requests": {"memory": quantity.canonical(n_bytes)},
        "limits": {"memory": quantity.canonical(limit)},
    }


def _cpu_vendor(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name.startswith(CPU_VENDOR_LABEL)}


def _away_from(vmi_uid: str) -> Json:
    return {
        "labelSelector": {"matchLabels": {CREATED_BY: vmi_uid}},
        "topologyKey": "kubernetes.io/hostname",
    }


def _cpus(vmi: Json) -> str:
    """Returns the CPU request of the compute container, which runs the guest."""
    domain = vmi["spec"]["domain"]
    cpu = domain.get("cpu") or {}
    vcpus = (cpu.get("sockets") or 1) * (cpu.get("cores") or 1) * (cpu.get("threads") or 1)
    if cpu.get("dedicatedCpuPlacement"):
        return str(vcpus)
    asked = dig(domain, "resources", "requests", "cpu")
    return str(asked) if asked is not None else f"{1000 * vcpus // CPU_ALLOCATION_RATIO}m"


def _devices(vmi: Json) -> Json:
    """Returns the number of devices that a launcher pod requests, keyed by resource name.

    The devices are GPUs, host devices, and devices in the VM's own resource requests. An SR-IOV
    interface needs such a request; usually, a webhook of the network plugin adds the request.
    """
    asked = dig(vmi, "spec", "domain", "resources", "requests") or {}
    found = Counter({name: int(value) for name, value in asked.items() if "/" in name})
    for kind in ("gpus", "hostDevices"):
        found.update(d["deviceName"] for d in dig(vmi, "spec", "domain", "devices", kind) or ())
    return {name: str(number) for name, number in sorted(found.items())}
