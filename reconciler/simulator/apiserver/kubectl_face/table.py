"""Converts objects to the format that the client requests: objects, a table, or metadata.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers/response.go.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.kubectl_face import table_columns
from reconciler.simulator.apiserver.request import status_errors

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource

_META: Final = "meta.k8s.io/v1"
_JSON_TYPES: Final = frozenset({"application/json", "*/*", "application/*", ""})
_NOT_ACCEPTABLE: Final = (
    "only the following media types are accepted: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf"
)


class Form(StrEnum):
    """The format of the objects in a response: whole objects, a table, or only metadata."""

    OBJECT = ""
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"
    METADATA_LIST = "PartialObjectMetadataList"
    """The format of a list that contains only the metadata of each object."""


def wanted(accept: str) -> Form:
    """Returns the first response format in an Accept header that the API server supports.

    Raises:
        StatusError: The API server does not support any format in the header.
    """
    for media_range in accept.split(","):
        media_type, *parameters = (part.strip() for part in media_range.split(";"))
        if media_type not in _JSON_TYPES:
            continue
        options = dict(p.partition("=")[::2] for p in parameters)
        form = options.get("as", "")
        if not form:
            return Form.OBJECT
        if form in set(Form) and options.get("v") == "v1":
            return Form(form)
    raise status_errors.StatusError(status_errors.failure(406, "NotAcceptable", _NOT_ACCEPTABLE))


def table(
    resource: Resource,
    objects: list[Json],
    metadata: Json,
    now: datetime,
    *,
    include: str = "",
    headers: bool = True,
) -> Json:
    """Builds a Table object, which `kubectl get` prints.

    Args:
        resource: The resource to which the objects belong.
        objects: The Kubernetes objects. Each object becomes a row of the table.
        metadata: The ListMeta of the table.
        now: The current time, from which ages are computed.
        include: How much of its object each row contains: Metadata (the default), Object or None.
        headers: Whether the table describes its columns.
    """
    columns = table_columns.of(resource)
    return {
        "kind": "Table",
        "apiVersion": _META,
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns] if headers else [],
        "rows": [
            {
                "cells": [column.cell(obj, now) for column in columns],
                **_row_object(obj, include or "Metadata"),
            }
            for obj in objects
        ],
    }


def _definition(column: table_columns.Column) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": "",
        "priority": column.priority,
    }


def _row_object(obj: Json, include: str) -> Json:
    match include:
        case "None":
            return {}
        case "Object":
            return {"object": obj}
        case _:
            return {"object": metadata_of(obj)}


def metadata_of(obj: Json) -> Json:
    """Builds the PartialObjectMetadata of a Kubernetes object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}
