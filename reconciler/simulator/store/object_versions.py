"""Converts HyperConverged objects and their managedFields between `v1beta1` and `v1`.

Source: hyperconverged-cluster-operator api/v1beta1 and api/v1 (`spec.virtualization` groups the
fields that v1beta1 has in `spec`); kubernetes v1.36 apimachinery pkg/apis/meta/v1/types.go (the
fields in an entry of managedFields are those of the entry's own API version).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource

_GROUP: Final = "hco.kubevirt.io"
_V1: Final = f"{_GROUP}/v1"
_MOVED: Final = (
    "higherWorkloadDensity",
    "liveMigrationConfig",
    "liveUpdateConfiguration",
    "virtualMachineOptions",
    "workloadUpdateStrategy",
)


def converted(obj: Json, api_version: str) -> Json:
    """Returns a HyperConverged object in another API version."""
    if obj.get("apiVersion", api_version) == api_version:
        return obj
    spec = _spec(obj.get("spec") or {}, api_version)
    return {**obj, "apiVersion": api_version, "spec": spec}


def read(entries: list[Json], resource: Resource) -> list[Json]:
    """Returns managedFields entries with the field paths of an API resource's version."""
    return [_entry(each, each.get("apiVersion", ""), resource.api_version) for each in entries]


def written(entries: list[Json], resource: Resource) -> list[Json]:
    """Returns managedFields entries, each with the field paths of its own version again."""
    return [_entry(each, resource.api_version, each.get("apiVersion", "")) for each in entries]


def _entry(entry: Json, old: str, new: str) -> Json:
    fields = entry.get("fieldsV1") or {}
    if old == new or not new.startswith(f"{_GROUP}/") or "f:spec" not in fields:
        return entry
    return {**entry, "fieldsV1": {**fields, "f:spec": _spec(fields["f:spec"], new, "f:")}}


def _spec(spec: Json, api_version: str, prefix: str = "") -> Json:
    """Moves fields into or out of `virtualization`; the keys of fieldsV1 have a prefix."""
    parent, moved = f"{prefix}virtualization", {prefix + name for name in _MOVED}
    inner = {name: each for name, each in spec.get(parent, {}).items() if name != "."}
    outer = {name: each for name, each in spec.items() if name != parent}
    if api_version != _V1:
        return {**outer, **inner}
    inner |= {name: each for name, each in outer.items() if name in moved}
    outer = {name: each for name, each in outer.items() if name not in moved}
    return {**outer, parent: inner} if inner else outer
