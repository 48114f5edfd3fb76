"""Decodes JSON values in several kinds of objects: quantities, times, labels and conditions.

Many objects contain equal strings, for example in conditions and labels, and each response
contains its own copies. This module replaces equal strings that arrive close together with one
shared string, which saves most of the memory that a large cluster would need.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.cluster.decode.pages import UnreadableError
from reconciler.cluster.decode.structs import wire
from reconciler.model import references
from reconciler.model.live.conditions import Condition
from reconciler.model.live.live_state import Constraints
from reconciler.model.quantity import MemoryQuantity, QuantityError, thousandths
from reconciler.model.quoting import kind_of, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

_near = partial(lru_cache, maxsize=8192)
"""A decorator that caches the last 8192 results of a function, enough for about ten list pages."""

_NO_LABELS: Mapping[str, str] = MappingProxyType({})
_NO_CONDITIONS: Mapping[str, Condition] = MappingProxyType({})
_UNCONSTRAINED = Constraints()
NO_DOMAIN = wire.Domain()


@_near()
def shared(text: str | None) -> str:
    """Return one shared copy of equal strings; return an empty string for None."""
    return text or ""


@_near()
def shared_vm_ref(namespace: str | None, name: str | None) -> references.ObjectRef:
    """Return the reference to a VM; equal references share one object."""
    return references.vm_ref(shared(namespace), shared(name))


def labels(found: Mapping[str, str] | None) -> Mapping[str, str]:
    """Copy a map of strings, such as labels; equal strings share one copy."""
    if not found:
        return _NO_LABELS
    return {shared(key): shared(value) for key, value in found.items()}


@_near(typed=True)
def _amount(value: str | float) -> MemoryQuantity:
    return MemoryQuantity.parse(value)


def amount(value: wire.Amount, name: str) -> MemoryQuantity | None:
    """Parse the value of a field as a quantity; return None if the value is absent.

    Raises:
        UnreadableError: *value* is not a quantity.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float):  # instancetypes have fields of any type
        raise UnreadableError(f"{name}: {kind_of(value)} is not a quantity")
    try:
        return _amount(value)
    except QuantityError as error:
        raise UnreadableError(f"{name}: {error}") from error


@_near()
def moment(text: str | None) -> datetime | None:
    """Parse a string as a time in UTC; return None if the string is empty or not a time.

    Raises:
        UnreadableError: The time is out of range in UTC.
    """
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise UnreadableError(f"the time {quoted(text)} is out of range in UTC") from error


def conditions(found: list[wire.Condition] | None) -> Mapping[str, Condition]:
    """Decode status conditions to a map by type; the last condition of each type counts."""
    if not found:
        return _NO_CONDITIONS
    return {
        shared(each.type): _condition(
            each.status, each.reason, each.message, each.last_transition_time
        )
        for each in found
    }


@_near()
def _condition(
    status: str, reason: str | None, message: str | None, since: str | None
) -> Condition:
    return Condition(
        status=shared(status), reason=shared(reason), message=shared(message), since=moment(since)
    )


CPU, PODS = "cpu", "pods"
"""The names of the resources, other than memory and devices, that pods request from nodes."""


def other_resources(found: Mapping[str, wire.Amount] | None) -> dict[str, int]:
    """Return the CPUs in millicores, the number of pods, and each device, such as a GPU, by name.

    Raises:
        UnreadableError: A value is not a quantity.
    """
    amounts: dict[str, int] = {}
    for name, value in (found or {}).items():
        if name == CPU and value is not None:
            amounts[CPU] = _thousandths(value)
        elif name == PODS or "/" in name:
            parsed = amount(value, name)
            amounts[shared(name)] = parsed.n_bytes if parsed else 0
    return amounts


def thousandths_of(value: wire.Amount) -> int:
    """Parse a quantity, such as a number of CPUs, in thousandths; return 0 if it is not set.

    Raises:
        UnreadableError: The value is not a quantity.
    """
    return 0 if value is None else _thousandths(value)


def _thousandths(value: wire.Amount) -> int:
    try:
        return thousandths(value)
    except QuantityError as error:
        raise UnreadableError(f"{CPU}: {error}") from error


def constraints(spec: wire.GuestSpec | None) -> Constraints:
    """Decode the fields of a VM template or VM instance that affect memory hotplug."""
    if spec is None:
        return _UNCONSTRAINED
    domain = spec.domain or NO_DOMAIN
    cpu, memory, resources = domain.cpu, domain.memory, domain.resources
    limits = resources.limits if resources else None
    requests = resources.requests if resources else None
    return _constraints(
        spec.architecture,
        memory.hugepages.page_size if memory and memory.hugepages else None,
        requests.memory if requests else None,
        limits.memory if limits else None,
        realtime=bool(cpu and cpu.realtime is not None),
        numa_passthrough=bool(cpu and cpu.numa and cpu.numa.guest_mapping_passthrough is not None),
        launch_security=domain.launch_security is not None,
        dedicated_cpus=bool(cpu and cpu.dedicated_cpu_placement),
        cpu_limited=bool(limits and thousandths_of(limits.cpu)),
        overhead_left_out=bool(resources and resources.overcommit_guest_overhead),
    )


@_near(typed=True)
def _constraints(
    architecture: str | None,
    hugepages: str | None,
    requests: wire.Amount,
    limits: wire.Amount,
    **flags: bool,
) -> Constraints:
    return Constraints(
        architecture=architecture or "",
        hugepages=hugepages,
        requests=amount(requests, "resources.requests.memory"),
        limits=amount(limits, "resources.limits.memory"),
        **flags,
    )


@_near()
def topology(
    sockets: int | None, cores: int | None, threads: int | None
) -> tuple[int | None, int | None, int | None]:
    """Return the sockets, cores and threads of a VM; a number that is not set is None."""
    return sockets, cores, threads
