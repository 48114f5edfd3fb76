"""Simulates server-side apply: merges a configuration, removes fields and detects conflicts.

Source: sigs.k8s.io/structured-merge-diff v6 merge/update.go; k8s.io/apimachinery v0.36
util/managedfields/internal (conflict.go, skipnonapplied.go).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.simulator.encoding.json_codec import Json
from reconciler.simulator.store import managed_fields, object_versions, structural_schema
from reconciler.simulator.store.fields_v1 import decode

if TYPE_CHECKING:
    from reconciler.simulator.store.api_resources import Resource
    from reconciler.simulator.store.fields_v1 import Fields, FieldSet, Path

_BEFORE: Final = "before-first-apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A server-side apply conflict: another field manager owns a field that would change."""

    manager: str
    """The field manager as the API server prints it: `"kubectl-edit" using kubevirt.io/v1`."""
    path: str
    """The path of the field, such as `.spec.template.spec.domain.memory.guest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The result of a server-side apply; a result with conflicts must not be stored."""

    object: Json
    conflicts: tuple[Conflict, ...]


def apply(
    live: Json | None,
    config: Json,
    *,
    resource: Resource,
    manager: str,
    time: str,
    force: bool = False,
) -> Applied:
    """Applies a configuration to a live object, or creates the object if it does not exist.

    Args:
        live: The stored object, or None if it does not exist.
        config: The complete configuration that the field manager applies.
        resource: The API resource to which the object belongs.
        manager: The name of the field manager that applies the configuration.
        time: The current time, in RFC 3339.
        force: Whether to take over conflicting fields from their managers.
    """
    current = live or {"apiVersion": config.get("apiVersion"), "kind": config.get("kind")}
    root = managed_fields.schema_of(resource)
    entries = object_versions.read(_entries(live, resource), resource)
    who = (manager, "Apply", "", "")
    mine = next((e for e in entries if managed_fields.identity(e) == who), None)
    others = [e for e in entries if e is not mine]
    wanted: FieldSet = set()
    managed_fields.collect(managed_fields.own_content(config), root, (), wanted, containers=False)
    wanted -= {(), ("f:metadata",)}
    merged: Json = _merge(current, config, root)
    if mine is not None:
        kept = wanted.union(*(decode(e["fieldsV1"]) for e in others))
        _drop(merged, decode(mine["fieldsV1"]) - wanted, kept, root)
    changed, removed = managed_fields.changes(current, merged, root)
    conflicts = () if force else _conflicts(others, changed)
    rest = managed_fields.without(others, changed | removed)
    same = mine is not None and decode(mine["fieldsV1"]) == wanted
    stamp = mine["time"] if mine and same and not changed and not removed else time
    entry = managed_fields.entry(wanted, who, api_version=resource.api_version, time=stamp)
    metadata = {**merged.get("metadata", {})}
    metadata["managedFields"] = managed_fields.ordered(
        object_versions.written([*rest, entry], resource)
    )
    return Applied(object={**merged, "metadata": metadata}, conflicts=conflicts)


def _entries(live: Json | None, resource: Resource) -> list[Json]:
    if live is None:
        return []
    entries: list[Json] = live["metadata"].get("managedFields", [])
    if entries:
        return entries
    born = live["metadata"].get("creationTimestamp", "")
    return managed_fields.after_update({}, live, [], resource, manager=_BEFORE, time=born)


def _merge(live: Any, config: Any, node: Json) -> Any:  # noqa: ANN401  # any JSON values
    wanted = managed_fields.children(config, node)
    have = managed_fields.children(live, node)
    if wanted is None or have is None:
        return config
    if isinstance(config, dict):
        merged = dict(live)
        for name, value in config.items():
            below = structural_schema.child(node, name)
            merged[name] = _merge(live[name], value, below) if name in live else value
        return merged
    below = structural_schema.items(node)
    combined = {element: item for element, (item, _) in have.items()}
    for element, (item, _) in wanted.items():
        known = element in combined
        combined[element] = _merge(combined[element], item, below) if known else item
    return list(combined.values())


def _drop(merged: Json, gone: Fields, kept: Fields, root: Json) -> None:
    """Removes fields from an object, then removes empty parents that no field manager owns."""
    prefixes = {path[:length] for path in kept for length in range(1, len(path) + 1)}
    removed = [path for path in gone if path not in prefixes]
    for path in sorted(removed, key=len, reverse=True):
        _remove(merged, path, root)
        for length in range(len(path) - 1, 0, -1):
            parent = path[:length]
            if parent in prefixes or not _is_empty(merged, parent, root):
                break
            _remove(merged, parent, root)


def _locate(obj: Json, path: Path, root: Json) -> Any:  # noqa: ANN401  # any JSON value
    value, node = obj, root
    for element in path:
        below = managed_fields.children(value, node) or {}
        if element not in below:
            return None
        value, node = below[element]
    return value


def _is_empty(obj: Json, path: Path, root: Json) -> bool:
    return _locate(obj, path, root) in ({}, [])


def _remove(obj: Json, path: Path, root: Json) -> None:
    value, parent = _locate(obj, path, root), _locate(obj, path[:-1], root)
    if isinstance(parent, dict):
        parent.pop(path[-1].removeprefix("f:"), None)
    elif isinstance(parent, list) and value is not None:
        parent[:] = [item for item in parent if item is not value]


def _conflicts(others: list[Json], changed: FieldSet) -> tuple[Conflict, ...]:
    found = [
        Conflict(manager=_printed(entry), path=_dotted(path))
        for entry in others
        for path in sorted(decode(entry["fieldsV1"]) & changed)
    ]
    return tuple(sorted(found, key=lambda c: (c.manager, c.path)))


def _printed(entry: Json) -> str:
    text = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        text += f' with subresource "{entry["subresource"]}"'
    return f"{text} using {entry['apiVersion']}" if entry["operation"] == "Update" else text


def _dotted(path: Path) -> str:
    return "".join(_step(element) for element in path)


def _step(element: str) -> str:
    kind, _, rest = element.partition(":")
    match kind:
        case "f":
            return f".{rest}"
        case "k":
            keys = json.loads(rest).items()
            return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys) + "]"
        case "v":
            return f"[={rest}]"
        case _:
            return f"[{rest}]"


def message(conflicts: tuple[Conflict, ...]) -> str:
    """Returns kube-apiserver's error message for server-side apply conflicts."""
    if len(conflicts) == 1:
        (one,) = conflicts
        return f"Apply failed with 1 conflict: conflict with {one.manager}: {one.path}"
    lines: list[str] = []
    for manager in sorted({conflict.manager for conflict in conflicts}):
        lines.append(f"conflicts with {manager}:")
        lines.extend(f"- {c.path}" for c in conflicts if c.manager == manager)
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
