"""Computes managedFields, which record the field manager that owns each field of an object.

The structural schema determines which lists are merged by key, which are sets, and which are
atomic.

Source: sigs.k8s.io/structured-merge-diff v6 (typed/compare.go, fieldpath/serialize.go,
merge/update.go) and k8s.io/apimachinery v0.36 util/managedfields.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.store import object_versions, structural_schema
from reconciler.simulator.store.fields_v1 import Fields, FieldSet, Path, decode, encode

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource

Identity: TypeAlias = tuple[str, str, str, str]

_ABSENT: Final = object()
_SERVER_OWNED: Final = frozenset(
    {
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
    }
)


def changes(live: Json, new: Json, root: Json) -> tuple[FieldSet, FieldSet]:
    """Compares two objects; returns the paths of added or changed fields, and of removed ones."""
    changed: FieldSet = set()
    removed: FieldSet = set()
    _compare(own_content(live), own_content(new), root, (), changed, removed)
    changed.discard(("f:metadata",))
    removed.discard(("f:metadata",))
    return changed, removed


def own_content(obj: Json) -> Json:
    """Returns a copy of an object without the fields that the API server sets."""
    content = {k: v for k, v in obj.items() if k not in {"apiVersion", "kind"}}
    if "metadata" in content:
        meta = content["metadata"]
        content["metadata"] = {k: v for k, v in meta.items() if k not in _SERVER_OWNED}
    return content


def _compare(
    old: Any,  # noqa: ANN401  # any JSON value
    new: Any,  # noqa: ANN401  # any JSON value
    node: Json,
    at: Path,
    changed: FieldSet,
    removed: FieldSet,
) -> None:
    if _same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and not _is_atomic(node):
        _compare_objects(old, new, node, at, changed, removed)
        return
    before, after = children(old, node), children(new, node)
    if before is None or after is None:
        if old != new or type(old) is not type(new):
            collect(old, node, at, removed, containers=True)
            removed.discard(at)
            changed.add(at)
            collect(new, node, at, changed, containers=True)
        return
    for element, (value, below) in after.items():
        earlier = before.get(element)
        if earlier is None:
            collect(value, below, (*at, element), changed, containers=True)
        else:
            _compare(earlier[0], value, below, (*at, element), changed, removed)
    for element, (value, below) in before.items():
        if element not in after:
            collect(value, below, (*at, element), removed, containers=True)


def _compare_objects(
    old: Json, new: Json, node: Json, at: Path, changed: FieldSet, removed: FieldSet
) -> None:
    """Compares two JSON objects, looking up the schema only for fields that differ."""
    for name in old.keys() | new.keys():
        before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if _same(before, after):
            continue
        path, below = (*at, f"f:{name}"), structural_schema.child(node, name)
        if before is _ABSENT:
            collect(after, below, path, changed, containers=True)
        elif after is _ABSENT:
            collect(before, below, path, removed, containers=True)
        else:
            _compare(before, after, below, path, changed, removed)


def _same(old: Any, new: Any) -> bool:  # noqa: ANN401  # any JSON values
    if type(old) is not type(new):
        return False
    if isinstance(old, dict | list):
        return json_codec.encode(old) == json_codec.encode(new)
    return bool(old == new)


def _is_atomic(node: Json) -> bool:
    return bool(node.get("x-kubernetes-map-type") == "atomic")


def collect(
    value: Any,  # noqa: ANN401  # any JSON value
    node: Json,
    at: Path,
    paths: FieldSet,
    *,
    containers: bool,
) -> None:
    """Adds the path of a value, and all paths below this path, to a set of field paths.

    Args:
        value: The JSON value whose paths are added.
        node: The structural schema of the value.
        at: The path of the value.
        paths: The set to which paths are added.
        containers: Whether to add the paths of non-empty objects. An update owns these paths;
            an applied configuration owns only leaves, map entries and list items.
    """
    below = children(value, node)
    if not below:
        paths.add(at)
        return
    if containers:
        paths.add(at)
    declared = node.get("properties", {})
    for element, (child, child_node) in below.items():
        path = (*at, element)
        collect(child, child_node, path, paths, containers=containers)
        if not element.startswith("f:") or element[2:] not in declared:
            paths.add(path)


def children(value: Any, node: Json) -> dict[str, tuple[Any, Json]] | None:  # noqa: ANN401  # any JSON value
    """Returns the values directly below a JSON value, with their schemas, or None for a leaf.

    A list without a declared type, or with duplicate keys, is a leaf.
    """
    if isinstance(value, dict):
        if _is_atomic(node):
            return None
        return {
            f"f:{name}": (item, structural_schema.child(node, name))
            for name, item in value.items()
        }
    if not isinstance(value, list):
        return None
    items = structural_schema.items(node)
    match node.get("x-kubernetes-list-type"):
        case "map":
            keys = node["x-kubernetes-list-map-keys"]
            elements = [key_element(item, keys) for item in value]
        case "set":
            elements = ["v:" + _compact(item) for item in value]
        case _:
            return None
    if len(set(elements)) != len(elements):
        return None
    return {element: (item, items) for element, item in zip(elements, value, strict=True)}


def key_element(item: Any, keys: list[str]) -> str:  # noqa: ANN401  # any JSON value
    """Returns the FieldsV1 path element of a list item, for example `k:{"name":"eth0"}`."""
    known = {key: item[key] for key in keys if key in item} if isinstance(item, dict) else {}
    return "k:" + _compact(known)


def _compact(value: Any) -> str:  # noqa: ANN401  # any JSON value
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def identity(entry: Json) -> Identity:
    """Returns what identifies a managedFields entry: manager, operation, apiVersion, subresource.

    A manager that uses server-side apply has the same identity in every API version.
    """
    operation = entry["operation"]
    version = "" if operation == "Apply" else entry.get("apiVersion", "")
    return (entry["manager"], operation, version, entry.get("subresource", ""))


def entry(paths: Fields, who: Identity, *, api_version: str, time: str) -> Json:
    """Builds a managedFields entry."""
    manager, operation, _, subresource = who
    built: Json = {
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode(paths),
        "manager": manager,
        "operation": operation,
        "time": time,
    }
    if subresource:
        built["subresource"] = subresource
    return built


def ordered(entries: list[Json]) -> list[Json]:
    """Sorts managedFields entries as kube-apiserver does: Apply first, then by time and name."""
    return sorted(
        entries,
        key=lambda e: (
            e["operation"],
            e.get("time", ""),
            e["manager"],
            e.get("apiVersion", ""),
            e.get("subresource", ""),
        ),
    )


def without(entries: list[Json], lost: Fields) -> list[Json]:
    """Removes fields from all managedFields entries, and removes entries that become empty."""
    kept: list[Json] = []
    for one in entries:
        owned = decode(one.get("fieldsV1", {}))
        rest = owned - lost
        if rest == owned:
            kept.append(one)
        elif rest:
            kept.append({**one, "fieldsV1": encode(rest)})
    return kept


def after_update(
    live: Json,
    new: Json,
    entries: list[Json],
    resource: Resource,
    *,
    manager: str,
    time: str,
    subresource: str = "",
) -> list[Json]:
    """Computes the managedFields of an object that a field manager has updated.

    The manager becomes the owner of every field that it added or changed. A write without a change
    leaves the entries and their times unchanged.
    """
    changed, removed = changes(live, new, schema_of(resource))
    if not changed and not removed:
        return entries
    who: Identity = (manager, "Update", resource.api_version, subresource)
    rest = without(object_versions.read(entries, resource), changed | removed)
    if not changed:
        return ordered(object_versions.written(rest, resource))
    mine = next((e for e in rest if identity(e) == who), None)
    if mine is not None:
        rest = [e for e in rest if e is not mine]
        changed |= decode(mine["fieldsV1"])
    made = entry(changed, who, api_version=resource.api_version, time=time)
    return ordered(object_versions.written([*rest, made], resource))


def schema_of(resource: Resource) -> Json:
    """Returns the structural schema by which the fields of an API resource are compared.

    Custom resources are compared in the version of the request, Events as they are stored.
    """
    if resource.custom:
        return structural_schema.served(resource)
    return structural_schema.of(resource.storage)
