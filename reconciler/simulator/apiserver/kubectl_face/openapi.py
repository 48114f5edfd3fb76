"""Serves OpenAPI v3 documents: the schemas of all kinds and the options of write requests.

Source: kube-apiserver v1.36, k8s.io/kube-openapi pkg/handler3; kubectl 1.32 reads the schemas for
`kubectl explain`, and looks for the fieldValidation parameter of PATCH before it validates.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.http_messages import (
    NO_SUCH_PAGE,
    bytes_response,
    json_response,
)
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.store import api_resources, structural_schema

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.http_messages import Response
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource

_ROOT: Final = "/openapi/v3"
_WRITE_OPTIONS: Final = ("dryRun", "fieldManager", "fieldValidation")


def answer(path: str) -> Response:
    """Handles requests to /openapi/v3 and to the paths below it."""
    group_version = path.removeprefix(_ROOT).strip("/")
    if not group_version:
        return json_response(200, {"paths": _index()})
    body = _document(group_version)
    if body is None:
        return NO_SUCH_PAGE
    return bytes_response(200, body)


def _prefix(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"


def _index() -> Json:
    prefixes = dict.fromkeys(_prefix(r) for r in api_resources.SERVED if not r.optional)
    return {
        prefix: {"serverRelativeURL": f"{_ROOT}/{prefix}?hash={_hash(prefix)}"}
        for prefix in prefixes
    }


@cache
def _hash(prefix: str) -> str:
    # The documents do not change while the server runs, so a hash of the name is sufficient.
    return prefix.encode().hex().upper()


@cache
def _document(group_version: str) -> bytes | None:
    served = [r for r in api_resources.SERVED if _prefix(r) == group_version]
    if not served:
        return None
    paths: Json = {}
    for resource in served:
        paths.update(_paths(resource, f"/{group_version}"))
    return json_codec.encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.36.2"},
            "paths": paths,
            "components": {"schemas": {_component(r): _schema(r) for r in served}},
        }
    )


def _component(resource: Resource) -> str:
    group = resource.group or "core.api.k8s.io"
    return ".".join([*reversed(group.split(".")), resource.version, resource.kind])


def _gvk(resource: Resource) -> Json:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema(resource: Resource) -> Json:
    return {
        **structural_schema.served(resource),
        "x-kubernetes-group-version-kind": [_gvk(resource)],
    }


def _paths(resource: Resource, prefix: str) -> Json:
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{prefix}{scope}/{resource.plural}"
    items: Json = {
        collection: {"get": _operation(resource, "list"), "post": _operation(resource, "post")}
    }
    if "get" in resource.verbs:
        items[f"{collection}/{{name}}"] = {
            method: _operation(resource, method) for method in ("get", "put", "patch", "delete")
        }
    return items


def _operation(resource: Resource, action: str) -> Json:
    options = _WRITE_OPTIONS if action in {"post", "put", "patch"} else ()
    reference = {"$ref": f"#/components/schemas/{_component(resource)}"}
    return {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(resource),
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in options
        ],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": reference}}}
        },
    }
