"""`counted` computes how much of an Application-Aware Quota (AAQ) a pod uses.

For a migration's target pod, AAQ counts only the usage above that of the source pod. The
calculators VmiPodUsage and GuestEffectiveResources read both amounts from the same pod, so the
target pod counts as 0 until the migration has ended. IgnoreVmiCalculator counts a launcher pod
like any other pod.

Source: kubevirt/application-aware-quota pkg/aaq-controller/built-in-usage-calculators and
pkg/aaq-controller, at a commit after v1.8.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import Json, dig, size
from reconciler.simulator.kubevirt.quota_amounts import measured
from reconciler.simulator.kubevirt.rules import memory_overhead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig
    from reconciler.simulator.kubevirt.inventory import PodFacts

DEDICATED, VIRTUAL = "DedicatedVirtualResources", "VirtualResources"
POD_USAGE, IGNORED = "VmiPodUsage", "IgnoreVmiCalculator"
EFFECTIVE: Final = "GuestEffectiveResources"
CALCULATORS: Final = (DEDICATED, VIRTUAL, POD_USAGE, IGNORED, EFFECTIVE)
_POD_RESOURCES: Final = (
    *("memory", "requests.memory", "limits.memory"),
    *("cpu", "requests.cpu", "pods", "count/pods"),
)
_KEYS: Final = {
    "requests.memory/vmi": "requests.memory",
    "requests.cpu/vmi": "requests.cpu",
    "requests.instances/vmi": "pods",
}
"""Maps the resource names of DedicatedVirtualResources to those of VirtualResources."""


def counted(
    calculator: str, pod: PodFacts, vmi: Json | None, config: ClusterConfig
) -> Mapping[str, int]:
    """Returns how much a pod uses of each quota resource: memory in bytes, CPUs in thousandths.

    Args:
        calculator: How AAQ counts VMs, one of `CALCULATORS`.
        pod: The pod.
        vmi: The VMI that the pod runs, or None if the pod is not a launcher pod.
        config: The KubeVirt configuration, which determines the memory overhead.
    """
    if vmi is None or calculator == IGNORED:
        return _pod_usage(pod)
    if calculator in (POD_USAGE, EFFECTIVE):
        if pod.migration and dig(vmi, "status", "nodeName") != pod.node:
            return {}
        used = _pod_usage(pod)
        if calculator == EFFECTIVE:
            overhead = memory_overhead.pod_memory(vmi, config).overhead
            for name in ("requests.memory", "limits.memory"):
                used[name] = max(0, used[name] - overhead)
        return used
    used = _virtual(vmi, source=True)
    if pod.migration and dig(vmi, "status", "nodeName") != pod.node:
        target = _virtual(vmi, source=False)
        used = {name: max(0, target[name] - used[name]) for name in target}
    if calculator == DEDICATED:
        return {key: used[name] for key, name in _KEYS.items()}
    return used


def _pod_usage(pod: PodFacts) -> dict[str, int]:
    return {name: measured(name, pod) or 0 for name in _POD_RESOURCES}


def _virtual(vmi: Json, *, source: bool) -> dict[str, int]:
    """Returns the memory and CPUs of a guest, as AAQ counts them for one of its pods.

    For the source pod of a migration, these are the current amounts; for the target pod, the
    requested amounts.
    """
    memory = size(vmi, "spec", "domain", "memory", "guest") or 0
    topology = dig(vmi, "spec", "domain", "cpu")
    if source:
        memory = size(vmi, "status", "memory", "guestRequested") or memory
        topology = dig(vmi, "status", "currentCPUTopology") or topology
    cpus = 1000
    for part in ("sockets", "cores", "threads"):
        cpus *= (topology or {}).get(part) or 1
    return {
        **dict.fromkeys(("memory", "requests.memory", "limits.memory"), memory),
        **dict.fromkeys(("cpu", "requests.cpu", "limits.cpu"), cpus),
        **dict.fromkeys(("pods", "count/pods"), 1),
    }
