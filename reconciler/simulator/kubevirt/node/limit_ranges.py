"""Simulates the LimitRanger admission plugin for the memory of launcher pods.

Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go, with its messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import Json, dig, section, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RESOURCE: Final = "limitranges"


def add_defaults(pod: Json, ranges: Iterable[Json]) -> None:
    """Sets the default limits of containers that have none."""
    for limits in _of_type(ranges, "Container"):
        default = dig(limits, "default", "memory")
        if default is None:
            continue
        for container in pod["spec"]["containers"]:
            section(container, "resources", "limits").setdefault("memory", default)


def refusal(pod: Json, ranges: Iterable[Json]) -> str | None:
    """Returns the API server's error for a pod that a LimitRange forbids, or None."""
    known = tuple(ranges)
    containers = [each["resources"] for each in pod["spec"]["containers"]]
    for limits in _of_type(known, "Container"):
        for resources in containers:
            if found := _exceeded(limits, "Container", [resources]):
                return _forbidden(pod, found)
    for limits in _of_type(known, "Pod"):
        if found := _exceeded(limits, "Pod", containers):
            return _forbidden(pod, found)
    return None


def _of_type(ranges: Iterable[Json], kind: str) -> Iterator[Json]:
    for each in ranges:
        yield from (item for item in dig(each, "spec", "limits") or () if item["type"] == kind)


def _exceeded(limits: Json, kind: str, resources: list[Json]) -> str | None:
    most = size(limits, "max", "memory")
    if most is None:
        return None
    for what in ("requests", "limits"):
        found = sum(size(each, what, "memory") or 0 for each in resources)
        if found > most:
            allowed, shown = quantity.binary(most), quantity.binary(found)
            noun = what.removesuffix("s")
            return f"maximum memory usage per {kind} is {allowed}, but {noun} is {shown}"
    return None


def _forbidden(pod: Json, message: str) -> str:
    return f'pods "{pod["metadata"]["name"]}" is forbidden: {message}'
