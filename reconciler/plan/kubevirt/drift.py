"""``kubevirt_drift``: finds the fields of the CR that differ between Git and the cluster."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.model import fields
from reconciler.model.fields import FIELD_BY_PATH, FieldType, NameSet
from reconciler.model.plan.plan import Change
from reconciler.model.quantity import Duration, MemoryQuantity

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredState
    from reconciler.model.fields import Settings, SettingValue
    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.references import FieldPath

    _Items: TypeAlias = tuple[tuple[FieldPath, SettingValue], ...]


def kubevirt_drift(
    state: DesiredState, desired: DesiredKubeVirt, live: LiveKubeVirt
) -> tuple[Change, ...]:
    """Return the changes that make the CR match Git, in the order of the field table.

    Gates that Git does not name stay in the list, in their order; missing ones are appended.
    """
    wanted = {
        path: _with_live_gates(value, live.settings) if _is_gates(path) else value
        for path, value in desired.settings.items()
        if path in live.settings or not _is_empty(value)
    }
    differing = _differing(wanted, live.settings)
    return tuple(
        Change(
            field=each.path,
            before=live.settings.get(each.path),
            after=wanted[each.path],
            at=state.at(desired.ref, each.path),
            wave=each.wave,
        )
        for each in fields.KUBEVIRT_FIELDS
        if each.path in differing
    )


def _is_empty(value: SettingValue) -> bool:
    """Whether *value* is a list without names, which means the same as an absent list."""
    return isinstance(value, NameSet) and not value.raw


def _differing(wanted: Settings, live: Settings) -> frozenset[FieldPath]:
    left = {path: value for path, value in live.items() if path in wanted}
    if left == dict(wanted):
        return frozenset()
    return _compared(tuple(left.items()), tuple(wanted.items()))


@lru_cache(maxsize=16)  # a rollout compares the same pair in every round
def _compared(left: _Items, wanted: _Items) -> frozenset[FieldPath]:
    # deepdiff takes 0.4 s to import; a plan without drift does not need it.
    from deepdiff import DeepDiff  # noqa: PLC0415

    diff = DeepDiff(_nested(left), _nested(wanted), view="tree", ignore_order=True)
    found = {
        tuple(str(key) for key in level.path(output_format="list"))
        for levels in diff.values()
        for level in levels
    }
    return frozenset(path for path, _ in wanted if any(_related(path, each) for each in found))


def _related(path: FieldPath, found: FieldPath) -> bool:
    """Whether a difference at path *found* affects *path*: one path contains the other."""
    shorter = min(len(path), len(found))
    return path[:shorter] == found[:shorter]


def _nested(settings: _Items) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in settings:
        parent = tree
        for key in path[:-1]:
            parent = parent.setdefault(key, {})
        parent[path[-1]] = _comparable(value)
    return tree


def _comparable(value: SettingValue) -> object:
    """Return *value* without its notation, so that 1024Mi equals 1Gi."""
    if isinstance(value, NameSet):
        return sorted(value.names)
    if isinstance(value, MemoryQuantity):
        return value.n_bytes
    if isinstance(value, Duration):
        return value.nanoseconds
    return value


def _is_gates(path: FieldPath) -> bool:
    return FIELD_BY_PATH[path].type is FieldType.GATES


def _with_live_gates(value: SettingValue, live: Settings) -> SettingValue:
    present = live.get(fields.FEATURE_GATES)
    if not isinstance(value, NameSet) or not isinstance(present, NameSet):
        return value
    missing = tuple(dict.fromkeys(name for name in value.raw if name not in present.names))
    return NameSet.of(present.raw + missing)
