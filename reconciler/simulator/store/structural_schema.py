"""Provides the structural schemas of the served kinds and of their fields.

A schema is a JSON Schema object as in a CustomResourceDefinition, without descriptions.
`crds/<plural>.json` are KubeVirt v1.9.0's CustomResourceDefinitions; `crds/builtin.json` holds the
built-in kinds, generated from the models of the Python client for Kubernetes (version 37).
"""

from __future__ import annotations

from functools import cache
from importlib import resources as package_files
from typing import TYPE_CHECKING, Any, Final

import orjson

from reconciler.simulator.store import api_resources

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource


UNKNOWN: Final[Json] = {}
"""The empty schema, used for fields without a schema."""
_STRING: Final[Json] = {"type": "string"}
_ANYTHING: Final[Json] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TIME: Final[Json] = {"type": "string", "format": "date-time", "nullable": True}
_STRINGS: Final[Json] = {"type": "object", "additionalProperties": _STRING}
_INTEGER: Final[Json] = {"type": "integer"}
_BOOLEAN: Final[Json] = {"type": "boolean"}
_OWNER: Final = ("apiVersion", "kind", "name", "uid")
METADATA: Final[Json] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("annotations", "labels"), _STRINGS),
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), _TIME),
        **dict.fromkeys(("deletionGracePeriodSeconds", "generation"), _INTEGER),
        **dict.fromkeys(
            ("generateName", "name", "namespace", "resourceVersion", "selfLink", "uid"), _STRING
        ),
        "finalizers": {"type": "array", "items": _STRING, "x-kubernetes-list-type": "set"},
        "managedFields": {"type": "array", "items": _ANYTHING},
        "ownerReferences": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    **dict.fromkeys(_OWNER, _STRING),
                    **dict.fromkeys(("blockOwnerDeletion", "controller"), _BOOLEAN),
                },
                "required": list(_OWNER),
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["uid"],
        },
    },
}


def child(node: Json, name: str) -> Json:
    """Returns the schema of a field in an object schema, or UNKNOWN if the field is absent."""
    found = node.get("properties", UNKNOWN).get(name)
    if found is None:
        found = node.get("additionalProperties")
    return found if isinstance(found, dict) else UNKNOWN


def items(node: Json) -> Json:
    """Returns the schema of the items in a list schema, or UNKNOWN if it is absent."""
    found = node.get("items")
    return found if isinstance(found, dict) else UNKNOWN


@cache
def definition(plural: str) -> Json | None:
    """Returns the CustomResourceDefinition of a resource, or None if it does not exist."""
    file = package_files.files("reconciler.simulator") / "crds" / f"{plural}.json"
    if not file.is_file():
        return None
    loaded: Json = orjson.loads(file.read_bytes())
    return loaded


@cache
def of(storage: str) -> Json:
    """Returns the structural schema of the objects that are stored under a storage key.

    The schema's `properties.metadata` is that of the API server. A kind without a schema accepts
    any object.
    """
    return served(api_resources.stored(storage))


@cache
def served(resource: Resource) -> Json:
    """Returns the structural schema of an API resource in its group and version."""
    kind = f"{resource.api_version}/{resource.kind}"
    root = _custom(resource) if resource.custom else _builtin().get(kind)
    if root is None:
        root = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {"apiVersion": _STRING, "kind": _STRING, **root.get("properties", {})}
    return {**root, "properties": {**properties, "metadata": METADATA}}


def _custom(resource: Resource) -> Json | None:
    crd = definition(resource.plural)
    if crd is None:
        return None
    for version in crd["spec"]["versions"]:
        if version["name"] == resource.version:
            found: Json = version["schema"]["openAPIV3Schema"]
            return _with_old_fields(found, resource)
    return None


def _with_old_fields(root: Json, resource: Resource) -> Json:
    """Adds spec.liveUpdateFeatures to the VM schema for KubeVirt v1.1.

    Only v1.1 has this field; for other versions, a webhook removes the field from VMs.
    """
    if resource.plural != "virtualmachines":
        return root
    spec = root["properties"]["spec"]
    fields = {**spec["properties"], "liveUpdateFeatures": _ANYTHING}
    return {
        **root,
        "properties": {**root["properties"], "spec": {**spec, "properties": fields}},
    }


@cache
def _builtin() -> dict[str, Json]:
    file = package_files.files("reconciler.simulator") / "crds" / "builtin.json"
    if not file.is_file():
        return {}
    definitions: dict[str, Json] = orjson.loads(file.read_bytes())
    return {name: _resolve(node, definitions) for name, node in definitions.items()}


def _resolve(node: Any, definitions: dict[str, Json]) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(node, list):
        return [_resolve(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if reference is not None:
        return _resolve(definitions[reference], definitions)
    return {key: _resolve(value, definitions) for key, value in node.items()}
