"""Applies JSON merge patches, and strategic merge patches to built-in kinds.

Source: RFC 7386; k8s.io/apimachinery v0.36 pkg/util/strategicpatch/patch.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.simulator.store import structural_schema
from reconciler.simulator.store.managed_fields import key_element

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401  # any JSON values
    """Applies a JSON merge patch: null removes a field, and a list replaces the old list."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def strategic_merge(target: Any, patch: Any, node: Json) -> Any:  # noqa: ANN401  # any JSON values
    """Applies a strategic merge patch to a value.

    Lists are merged where the schema says so, by key or as sets. The directives `$patch`,
    `$retainKeys` and `$deleteFromPrimitiveList` are supported. `$setElementOrder` is accepted and
    ignored, since items keep the order of `target`.
    """
    if isinstance(patch, dict):
        return _merge_map(target if isinstance(target, dict) else {}, patch, node)
    if isinstance(patch, list) and isinstance(target, list):
        return _merge_list(target, patch, node)
    return patch


def _merge_map(target: Json, patch: Json, node: Json) -> Json:
    directive = patch.get("$patch")
    rest = {k: v for k, v in patch.items() if not k.startswith("$")}
    if directive == "delete":
        return {}
    if directive == "replace":
        return rest
    merged = dict(target)
    if "$retainKeys" in patch:
        merged = {k: v for k, v in merged.items() if k in patch["$retainKeys"]}
    for name, gone in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            merged[field] = [item for item in merged.get(field, []) if item not in gone]
    for name, value in rest.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = strategic_merge(
                merged.get(name), value, structural_schema.child(node, name)
            )
    return merged


def _merge_list(target: list[Any], patch: list[Any], node: Json) -> list[Any]:
    match node.get("x-kubernetes-list-type"):
        case "set":
            return [*target, *(item for item in patch if item not in target)]
        case "map":
            # A strategic merge uses only the first merge key in the list schema.
            return _merge_keyed(target, patch, node["x-kubernetes-list-map-keys"][:1], node)
    return patch


def _merge_keyed(target: list[Any], patch: list[Any], keys: list[str], node: Json) -> list[Any]:
    if {"$patch": "replace"} in patch:
        return [item for item in patch if item != {"$patch": "replace"}]
    merged = {key_element(item, keys): item for item in target}
    for item in patch:
        element = key_element(item, keys)
        if item.get("$patch") == "delete":
            merged.pop(element, None)
        else:
            merged[element] = strategic_merge(
                merged.get(element), item, structural_schema.items(node)
            )
    return list(merged.values())
