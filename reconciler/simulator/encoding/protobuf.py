"""Decodes the Kubernetes kinds that kubectl sends as protobuf.

Only kubectl with the demo cluster needs this decoder; the product sends JSON. kubectl 1.32 encodes
the objects of typed commands (`auth can-i`, `create namespace|role|…|token`) as protobuf and reads
JSON responses. kubectl sends manifests as JSON.

Source: k8s.io/api v0.36 (core, rbac, authorization and authentication v1 generated.proto) and
k8s.io/apimachinery v0.36 pkg/runtime/serializer/protobuf/doc.go.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.simulator.encoding.json_codec import Json

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"
_VARINT_BITS: Final = 70


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    message: str = ""
    """The protobuf message type of the field, or an empty string if the field is a string."""
    kind: str = "one"
    """The encoding of the protobuf field: one, list, map, number or bytes (a map of bytes)."""


_Message: TypeAlias = dict[int, _Field]


def _strings(*names: str) -> _Message:
    return {number: _Field(name) for number, name in enumerate(names, 1)}


_META: Final = _Field("metadata", "ObjectMeta")
_MESSAGES: Final[dict[str, _Message]] = {
    "Unknown": {1: _Field("typeMeta", "TypeMeta"), 2: _Field("raw", "bytes")},
    "TypeMeta": _strings("apiVersion", "kind"),
    "ObjectMeta": {
        **_strings("name", "generateName", "namespace"),
        11: _Field("labels", kind="map"),
        12: _Field("annotations", kind="map"),
        14: _Field("finalizers", kind="list"),
    },
    "Namespace": {1: _META},
    "ServiceAccount": {1: _META},
    "ConfigMap": {1: _META, 2: _Field("data", kind="map")},
    "Secret": {
        1: _META,
        2: _Field("data", kind="bytes"),
        3: _Field("type"),
        4: _Field("stringData", kind="map"),
    },
    "ResourceQuota": {1: _META, 2: _Field("spec", "ResourceQuotaSpec")},
    "ResourceQuotaSpec": {
        1: _Field("hard", "Quantity", "map"),
        2: _Field("scopes", kind="list"),
    },
    "Role": {1: _META, 2: _Field("rules", "PolicyRule", "list")},
    "PolicyRule": {
        1: _Field("verbs", kind="list"),
        2: _Field("apiGroups", kind="list"),
        3: _Field("resources", kind="list"),
        4: _Field("resourceNames", kind="list"),
        5: _Field("nonResourceURLs", kind="list"),
    },
    "RoleBinding": {
        1: _META,
        2: _Field("subjects", "Subject", "list"),
        3: _Field("roleRef", "RoleRef"),
    },
    "Subject": _strings("kind", "apiGroup", "name", "namespace"),
    "RoleRef": _strings("apiGroup", "kind", "name"),
    "SelfSubjectReview": {1: _META},
    "SelfSubjectRulesReview": {1: _META, 2: _Field("spec", "RulesReviewSpec")},
    "RulesReviewSpec": _strings("namespace"),
    "SelfSubjectAccessReview": {1: _META, 2: _Field("spec", "AccessReviewSpec")},
    "AccessReviewSpec": {
        1: _Field("resourceAttributes", "ResourceAttributes"),
        2: _Field("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": _strings(
        "namespace", "verb", "group", "version", "resource", "subresource", "name"
    ),
    "NonResourceAttributes": _strings("path", "verb"),
    "TokenRequest": {1: _META, 2: _Field("spec", "TokenRequestSpec")},
    "TokenRequestSpec": {
        1: _Field("audiences", kind="list"),
        4: _Field("expirationSeconds", kind="number"),
    },
    "DeleteOptions": {4: _Field("propagationPolicy"), 5: _Field("dryRun", kind="list")},
}
_ALIASES: Final = {"ClusterRole": "Role", "ClusterRoleBinding": "RoleBinding"}


class UnsupportedError(ValueError):
    """Raised if a request body is not a protobuf-encoded object of a supported kind."""


def loads(body: bytes) -> Json:
    """Decodes a Kubernetes object from protobuf; like omitempty in Go, omits empty fields.

    Raises:
        UnsupportedError: The body cannot be decoded.
    """
    if not body.startswith(_MAGIC):
        raise UnsupportedError("the body does not start with the protobuf magic number")
    try:
        envelope = _read(body[len(_MAGIC) :], "Unknown")
        kind = envelope["typeMeta"]["kind"]
        message = _ALIASES.get(kind, kind)
        if message not in _MESSAGES:
            raise UnsupportedError(f"kind {kind} is not supported as protobuf; send JSON")
        return {**envelope["typeMeta"], **_read(envelope.get("raw", b""), message)}
    except (LookupError, UnicodeDecodeError) as error:
        raise UnsupportedError(f"the protobuf body is invalid: {error}") from error


def _read(data: bytes, message: str) -> Json:
    known = _MESSAGES[message]
    found: Json = {}
    for number, value in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        if isinstance(value, bytes) == (field.kind == "number"):
            raise LookupError(f"the field {field.name} has the wrong wire type")
        match field.kind:
            case "list":
                found.setdefault(field.name, []).append(_value(value, field.message))
            case "map" | "bytes":
                key, item = _entry(value, field)
                found.setdefault(field.name, {})[key] = item
            case "number":
                found[field.name] = value
            case _:
                found[field.name] = _value(value, field.message)
    return {name: value for name, value in found.items() if value not in ("", {}, b"")}


def _texts(data: bytes) -> dict[int, bytes]:
    """Maps the field numbers of a protobuf message to its fields (strings or messages)."""
    found = dict(_fields(data))
    if not all(isinstance(value, bytes) for value in found.values()):
        raise LookupError("a field has the wrong wire type")
    return found


def _entry(data: bytes, field: _Field) -> tuple[str, Any]:  # any JSON value
    parts = _texts(data)
    key, value = parts.get(1, b"").decode(), parts.get(2, b"")
    if field.kind == "bytes":
        return key, base64.b64encode(value).decode()
    return key, _value(value, field.message)


def _value(data: bytes, message: str) -> Any:  # noqa: ANN401  # any JSON value
    if message == "bytes":
        return data
    if message == "Quantity":
        return _texts(data).get(1, b"").decode()
    return _read(data, message) if message else data.decode()


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yields the number of each protobuf field, with its integer value or its bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
            case 2:
                size, position = _varint(data, position)
                yield tag >> 3, data[position : position + size]
                position += size
            case other:
                raise LookupError(f"wire type {other} is not supported")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > _VARINT_BITS:
            raise LookupError("a number has more than 10 bytes")
        if not byte & 0x80:
            return value, position
