"""``kubevirt_drift``: finds the KubeVirt CR fields that differ between Git and the cluster."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.fields import FEATURE_GATES, KUBEVIRT_FIELDS, NameSet
from reconciler.model.plan.plan import Change
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.references import dotted

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredState
    from reconciler.model.fields import Settings, SettingValue
    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.references import FieldPath

    _Items: TypeAlias = tuple[tuple[FieldPath, SettingValue], ...]


def kubevirt_drift(
    state: DesiredState, desired: DesiredKubeVirt, live: LiveKubeVirt
) -> tuple[Change, ...]:
    """Return the changes that make the KubeVirt CR match Git, in the order of ``KUBEVIRT_FIELDS``.

    Feature gates that only the cluster lists are kept; gates that only Git lists are appended.
    """
    wanted = {
        path: _with_live_gates(value, live.settings) if path == FEATURE_GATES else value
        for path, value in desired.settings.items()
        # An empty list means the same as a missing list.
        if path in live.settings or not (isinstance(value, NameSet) and not value.raw)
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
        for each in KUBEVIRT_FIELDS
        if each.path in differing
    )


def _differing(wanted: Settings, live: Settings) -> frozenset[FieldPath]:
    left = {path: live[path] for path in wanted if path in live}
    if left == dict(wanted):
        return frozenset()
    return _compared(tuple(left.items()), tuple(wanted.items()))


@lru_cache(maxsize=16)  # a rollout compares the same pair in every round
def _compared(left: _Items, wanted: _Items) -> frozenset[FieldPath]:
    # deepdiff takes 0.4 s to import; a plan without drift does not need it.
    from deepdiff import DeepDiff  # noqa: PLC0415

    before, after = ({dotted(path): _comparable(v) for path, v in each} for each in (left, wanted))
    diff = DeepDiff(before, after, view="tree", ignore_order=True, threshold_to_diff_deeper=0)
    found = {level.path(output_format="list")[0] for levels in diff.values() for level in levels}
    return frozenset(path for path, _ in wanted if dotted(path) in found)


def _comparable(value: SettingValue) -> object:
    """Return a setting's value in a normalized form, in which 1024Mi equals 1Gi."""
    if isinstance(value, NameSet):
        return sorted(value.names)
    if isinstance(value, MemoryQuantity):
        return value.n_bytes
    return value.nanoseconds if isinstance(value, Duration) else value


def _with_live_gates(value: SettingValue, live: Settings) -> SettingValue:
    present = live.get(FEATURE_GATES)
    if not isinstance(value, NameSet) or not isinstance(present, NameSet):
        return value
    missing = tuple(dict.fromkeys(name for name in value.raw if name not in present.names))
    return NameSet.of(present.raw + missing)
