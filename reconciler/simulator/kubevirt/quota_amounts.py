"""`measured` computes how much of each quota resource a pod uses.

Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.kubevirt.inventory import PodFacts

_MEASURES: Final[dict[str, Callable[[PodFacts], int]]] = {
    "memory": lambda pod: pod.memory,
    "requests.memory": lambda pod: pod.memory,
    "limits.memory": lambda pod: pod.limit,
    "cpu": lambda pod: pod.others.get("cpu", 0),
    "requests.cpu": lambda pod: pod.others.get("cpu", 0),
    "pods": lambda _: 1,
    "count/pods": lambda _: 1,
}


def measured(resource: str, pod: PodFacts) -> int | None:
    """Returns how much of a quota resource a pod uses, or None for an unknown resource.

    Memory is in bytes, CPUs are in thousandths.
    """
    if resource in _MEASURES:
        return _MEASURES[resource](pod)
    name = resource.removeprefix("requests.")
    if name.startswith("hugepages-"):
        return pod.hugepages.get(name, 0)
    return pod.others.get(name, 0) if "/" in name else None


def parsed(resource: str, value: str) -> int:
    """Parses the limit of a quota in the units of `measured`: bytes or thousandths of CPUs."""
    return quantity.thousandths(value) if _counts_cpus(resource) else quantity.parse(value)


def shown(resource: str, amount: int) -> str:
    """Formats an amount for a quota's status."""
    if _counts_cpus(resource):
        return f"{amount}m"
    in_bytes = "memory" in resource or "hugepages" in resource
    return quantity.binary(amount) if in_bytes else str(amount)


def _counts_cpus(resource: str) -> bool:
    return resource.removesuffix("/vmi") in ("cpu", "requests.cpu", "limits.cpu")
