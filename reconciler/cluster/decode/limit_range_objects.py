"""``LIMIT_RANGES``, ``limit_ranges_by_namespace``: decode LimitRanges, and group them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.cluster.decode.decode_values import CPU, amount, shared, thousandths_of
from reconciler.cluster.decode.pages import Kind
from reconciler.cluster.decode.structs import wire_capacity as wire
from reconciler.model.live.capacity import LimitBound, LimitRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.cluster.decode.structs.wire import Amount

MEMORY = "memory"
_KINDS = ("Container", "Pod")


def _decoded(item: wire.LimitRange) -> tuple[str, LimitRange]:
    """Decode the namespace of a LimitRange and its rules for memory and CPUs."""
    limits = (item.spec.limits if item.spec else None) or ()
    defaults = [each.default for each in limits if each.type == "Container" and each.default]
    made = LimitRange(
        name=item.metadata.name,
        default=min(filter(None, (_bytes(each.memory) for each in defaults)), default=0),
        default_cpu=min(filter(None, (thousandths_of(each.cpu) for each in defaults)), default=0),
        bounds=tuple(
            found for each in limits if each.type in _KINDS for found in _bounds(each.type, each)
        ),
    )
    return shared(item.metadata.namespace), made


def _bounds(kind: str, item: wire.LimitItem) -> Iterator[LimitBound]:
    """Yield the memory rule and the CPU rule of a LimitRange entry; skip a rule that is empty."""
    low, high = item.min or wire.Limits(), item.max or wire.Limits()
    ratio = item.max_limit_request_ratio or wire.Limits()
    memory = LimitBound(
        kind=kind,
        resource=MEMORY,
        minimum=_bytes(low.memory),
        maximum=_bytes(high.memory),
        ratio=thousandths_of(ratio.memory),
    )
    cpu = LimitBound(
        kind=kind,
        resource=CPU,
        minimum=thousandths_of(low.cpu),
        maximum=thousandths_of(high.cpu),
        ratio=thousandths_of(ratio.cpu),
    )
    yield from (each for each in (memory, cpu) if each.minimum or each.maximum or each.ratio)


def _bytes(value: Amount) -> int:
    size = amount(value, MEMORY)
    return size.n_bytes if size else 0


LIMIT_RANGES = Kind("LimitRange", wire.LimitRange, _decoded)


def limit_ranges_by_namespace(
    found: Iterable[tuple[str, LimitRange]],
) -> dict[str, tuple[LimitRange, ...]]:
    """Group LimitRanges by namespace, sorted by name; omit those without memory and CPU rules."""
    groups: dict[str, list[LimitRange]] = defaultdict(list)
    for namespace, each in found:
        if each.default or each.default_cpu or each.bounds:
            groups[namespace].append(each)
    return {
        namespace: tuple(sorted(group, key=lambda each: each.name))
        for namespace, group in sorted(groups.items())
    }
