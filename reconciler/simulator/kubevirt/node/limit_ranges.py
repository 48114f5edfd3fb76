"""Simulates the LimitRanger admission plugin for the memory and CPUs of launcher pods.

Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go, including the error
messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import Json, dig, section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RESOURCE: Final = "limitranges"
_RESOURCES: Final = ("memory", "cpu")


def add_defaults(pod: Json, ranges: Iterable[Json]) -> None:
    """Sets the default limits of LimitRanges on containers without limits."""
    for limits in _of_type(ranges, "Container"):
        for name in _RESOURCES:
            default = dig(limits, "default", name)
            for container in pod["spec"]["containers"] if default is not None else ():
                section(container, "resources", "limits").setdefault(name, default)


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
    """Checks the minimum, maximum and ratio, and returns the first error, or None."""
    for check in (_below, _above, _ratio):
        for name in _RESOURCES:
            asked = _total(resources, "requests", name)
            limit = _total(resources, "limits", name)
            if found := check(limits, name, asked, limit):
                return found.replace("KIND", kind)
    return None


def _below(limits: Json, name: str, asked: int | None, limit: int | None) -> str | None:
    least = dig(limits, "min", name)
    if least is None:
        return None
    usage = f"minimum {name} usage per KIND is {least}"
    for noun, found in (("request", asked), ("limit", limit)):
        if found is not None and found < _amount(name, least):
            return f"{usage}, but {noun} is {_shown(name, found)}"
    return None if asked is not None else f"{usage}.  No request is specified"


def _above(limits: Json, name: str, asked: int | None, limit: int | None) -> str | None:
    most = dig(limits, "max", name)
    for noun, found in (("request", asked), ("limit", limit)) if most is not None else ():
        if found is not None and found > _amount(name, most):
            allowed = _shown(name, _amount(name, most))
            return (
                f"maximum {name} usage per KIND is {allowed}, but {noun} is {_shown(name, found)}"
            )
    return None


def _ratio(limits: Json, name: str, asked: int | None, limit: int | None) -> str | None:
    most = dig(limits, "maxLimitRequestRatio", name)
    if most is None:
        return None
    usage = f"{name} max limit to request ratio per KIND is {most}, but"
    if not asked:
        return f"{usage} no request is specified or request is 0"
    if not limit:
        return f"{usage} no limit is specified or limit is 0"
    if limit * 1000 > quantity.thousandths(most) * asked:
        return f"{usage} provided ratio is {limit / asked:f}"
    return None


def _total(resources: list[Json], what: str, name: str) -> int | None:
    given = [found for each in resources if (found := dig(each, what, name)) is not None]
    return sum(_amount(name, each) for each in given) if given else None


def _amount(name: str, value: str) -> int:
    """Parses a quantity: CPUs in thousandths, memory in bytes."""
    return quantity.thousandths(value) if name == "cpu" else quantity.parse(value)


def _shown(name: str, amount: int) -> str:
    return f"{amount}m" if name == "cpu" else quantity.binary(amount)


def _forbidden(pod: Json, message: str) -> str:
    return f'pods "{pod["metadata"]["name"]}" is forbidden: {message}'
