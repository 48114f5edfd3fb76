"""Decodes LimitRanges: ``LIMIT_RANGES`` and ``limit_ranges_by_namespace``."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.cluster.decode.decode_values import amount, shared
from reconciler.cluster.decode.pages import Kind
from reconciler.cluster.decode.structs import wire_capacity as wire
from reconciler.model.live.capacity import LimitRange

if TYPE_CHECKING:
    from collections.abc import Iterable


def _decoded(item: wire.LimitRange) -> tuple[str, LimitRange]:
    """Return the namespace of a LimitRange and its smallest limits for memory."""
    defaults: list[int] = []
    largest: dict[str, list[int]] = {"Container": [], "Pod": []}
    for each in (item.spec.limits if item.spec else None) or ():
        if each.type == "Container" and (found := _bytes(each.default)):
            defaults.append(found)
        if each.type in largest and (found := _bytes(each.max)):
            largest[each.type].append(found)
    made = LimitRange(
        name=item.metadata.name,
        default=min(defaults, default=0),
        container_max=min(largest["Container"], default=0),
        pod_max=min(largest["Pod"], default=0),
    )
    return shared(item.metadata.namespace), made


def _bytes(found: wire.Limits | None) -> int:
    size = amount(found.memory, "memory") if found else None
    return size.n_bytes if size else 0


LIMIT_RANGES = Kind("LimitRange", wire.LimitRange, _decoded)


def limit_ranges_by_namespace(
    found: Iterable[tuple[str, LimitRange]],
) -> dict[str, tuple[LimitRange, ...]]:
    """Return the LimitRanges of each namespace that limit memory, sorted by name."""
    groups: dict[str, list[LimitRange]] = defaultdict(list)
    for namespace, each in found:
        if each.default or each.container_max or each.pod_max:
            groups[namespace].append(each)
    return {
        namespace: tuple(sorted(group, key=lambda each: each.name))
        for namespace, group in sorted(groups.items())
    }
