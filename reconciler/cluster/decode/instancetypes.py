"""``NAMESPACED``, ``CLUSTER_WIDE``: decode namespaced and cluster-wide instancetypes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.cluster.decode.decode_values import amount
from reconciler.cluster.decode.pages import Kind, UnreadableError
from reconciler.cluster.decode.structs import wire
from reconciler.model.live.live_state import Constraints, LiveInstancetype
from reconciler.model.references import CLUSTER_INSTANCETYPE, INSTANCETYPE, Uid, instancetype_ref

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN = ("memory.guest", "memory.maxGuest", "memory.overcommitPercent", "cpu.guest", "annotations")
"""Spec fields that ``LiveInstancetype.others`` omits, because other attributes contain them."""


def instancetype(item: wire.InstancetypeItem, *, kind: str) -> LiveInstancetype:
    """Decode an instancetype.

    Raises:
        UnreadableError: The instancetype has no memory size, or a size that is not a quantity.
    """
    meta, spec = item.metadata, item.spec or {}
    memory, cpu = _map(spec, "memory"), _map(spec, "cpu")
    guest = amount(memory.get("guest"), "memory.guest")
    if guest is None:
        raise UnreadableError("memory.guest is missing")
    return LiveInstancetype(
        ref=instancetype_ref(kind, meta.namespace or "", meta.name),
        uid=Uid(meta.uid or ""),
        generation=meta.generation or 0,
        guest=guest,
        max_guest=amount(memory.get("maxGuest"), "memory.maxGuest"),
        overcommit_percent=_number(memory.get("overcommitPercent")),
        cpus=_number(cpu.get("guest")),
        constraints=Constraints(
            realtime=cpu.get("realtime") is not None,
            numa_passthrough=_map(cpu, "numa").get("guestMappingPassthrough") is not None,
            launch_security=spec.get("launchSecurity") is not None,
            dedicated_cpus=cpu.get("dedicatedCPUPlacement") is True,
            hugepages=_map(memory, "hugepages").get("pageSize"),
        ),
        others=dict(sorted(_leaves(spec))),
    )


def _leaves(spec: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in spec.items():
        path = f"{above}{key}"
        if value is None or path in _OWN:
            continue
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, msgspec.json.encode(value, order="sorted").decode()


def _map(parent: dict[str, Any], key: str) -> dict[str, Any]:
    found = parent.get(key)
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


NAMESPACED = Kind(INSTANCETYPE, wire.InstancetypeItem, partial(instancetype, kind=INSTANCETYPE))
CLUSTER_WIDE = Kind(
    CLUSTER_INSTANCETYPE, wire.InstancetypeItem, partial(instancetype, kind=CLUSTER_INSTANCETYPE)
)
