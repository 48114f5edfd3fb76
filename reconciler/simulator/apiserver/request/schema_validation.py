"""Prunes objects, sets default values, and validates objects with structural schemas.

The error messages are those of a real API server. CEL rules, and formats other than date-time, are
not checked.

Source: kube-apiserver v1.36, apiextensions-apiserver pkg/apiserver/schema (pruning, defaulting,
listtype) and pkg/apiserver/validation/validation.go; k8s.io/kube-openapi pkg/validation/errors.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from reconciler.simulator.apiserver.request.status_errors import FieldError, quote
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.store import structural_schema

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json

_INVALID: Final = "FieldValueInvalid"
_STRING: Final = {"type": "string"}
"""The structural schema of a plain string field, which is the most frequent schema."""
_TYPES: Final = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def prune(value: Any, node: Json, at: str = "") -> list[str]:  # noqa: ANN401  # any JSON value
    """Removes unknown fields from an object in place, and returns their sorted paths."""
    unknown: list[str] = []
    _prune(value, node, at, unknown)
    return sorted(unknown)


def _prune(value: Any, node: Json, at: str, unknown: list[str]) -> None:  # noqa: ANN401  # any JSON value
    if isinstance(value, list):
        below = structural_schema.items(node)
        if below:
            for index, item in enumerate(value):
                _prune(item, below, f"{at}[{index}]", unknown)
        return
    if not isinstance(value, dict):
        return
    properties = node.get("properties", structural_schema.UNKNOWN)
    others = node.get("additionalProperties")
    keep = others is True or node.get("x-kubernetes-preserve-unknown-fields")
    for name in list(value):
        below = properties.get(name, others)
        if not isinstance(below, dict):
            if not keep:
                unknown.append(f"{at}.{name}" if at else name)
                del value[name]
        elif isinstance(value[name], dict | list):
            _prune(value[name], below, f"{at}.{name}" if at else name, unknown)


def apply_defaults(value: Any, node: Json) -> None:  # noqa: ANN401  # any JSON value
    """Sets the default values of a structural schema in place; does not create absent parents.

    A null value is removed if the schema neither allows null nor has a default (observed on
    KubeVirt v1.9.0).
    """
    if isinstance(value, list):
        for item in value:
            apply_defaults(item, structural_schema.items(node))
    if not isinstance(value, dict):
        return
    for name, below in node.get("properties", structural_schema.UNKNOWN).items():
        if "default" in below and value.get(name) is None:
            default = below["default"]
            value[name] = json_codec.copy(default) if isinstance(default, dict) else default
    for name, item in list(value.items()):
        if item is None:
            below = structural_schema.child(node, name)
            if below and not below.get("nullable"):
                del value[name]
        elif isinstance(item, dict | list):
            apply_defaults(item, structural_schema.child(node, name))


def check(value: Any, node: Json, at: str = "") -> list[FieldError]:  # noqa: ANN401  # any JSON value
    """Validates a value, and returns an error for every violated rule of the schema."""
    errors: list[FieldError] = []
    _check(value, node, at, errors)
    return errors


def _check(value: Any, node: Json, at: str, errors: list[FieldError]) -> None:  # noqa: ANN401  # any JSON value
    if value is None and (node.get("nullable") or not node):
        return
    wrong = _wrong_type(value, node)
    if wrong:
        have = quote(_type_of(value))
        message = f"Invalid value: {have}: {at} in body must be of type {wrong}: {have}"
        errors.append(FieldError(field=at, reason="FieldValueTypeInvalid", message=message))
        return
    if "enum" in node and value not in node["enum"]:
        supported = ", ".join(json.dumps(one) for one in node["enum"])
        message = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        errors.append(FieldError(field=at, reason="FieldValueNotSupported", message=message))
    if isinstance(value, dict):
        _check_object(value, node, at, errors)
    elif isinstance(value, list):
        _check_list(value, node, at, errors)
    elif isinstance(value, str):
        _check_string(value, node, at, errors)
    elif isinstance(value, int | float):
        _check_number(value, node, at, errors)


def _wrong_type(value: Any, node: Json) -> str:  # noqa: ANN401  # any JSON value
    """Returns the required type if the type of a value is wrong; otherwise an empty string."""
    if node.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return "" if fits else "integer,string"
    wanted = node.get("type")
    if wanted is None:
        return ""
    fits = isinstance(value, _TYPES[wanted]) and isinstance(value, bool) <= (wanted == "boolean")
    if not fits and wanted == "integer" and isinstance(value, float) and value.is_integer():
        return ""
    return "" if fits else wanted


def _type_of(value: Any) -> str:  # noqa: ANN401  # any JSON value
    if isinstance(value, bool):
        return "boolean"
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}
    return names.get(type(value), "null")


def _check_object(value: Json, node: Json, at: str, errors: list[FieldError]) -> None:
    for name in node.get("required", ()):
        if name not in value:
            path = f"{at}.{name}" if at else name
            errors.append(required(path))
    for name, item in value.items():
        below = structural_schema.child(node, name)
        if below != _STRING or not isinstance(item, str):
            _check(item, below, f"{at}.{name}" if at else name, errors)


def _check_list(value: list[Any], node: Json, at: str, errors: list[FieldError]) -> None:
    most = node.get("maxItems")
    if most is not None and len(value) > most:
        message = f"Too many: {len(value)}: must have at most {most} items"
        errors.append(FieldError(field=at, reason="FieldValueTooMany", message=message))
    below = structural_schema.items(node)
    for index, item in enumerate(value):
        _check(item, below, f"{at}[{index}]", errors)
    _check_duplicates(value, node, at, errors)


def _check_duplicates(value: list[Any], node: Json, at: str, errors: list[FieldError]) -> None:
    kind = node.get("x-kubernetes-list-type")
    if kind not in {"set", "map"}:
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        key = item
        if kind == "map" and isinstance(item, dict):
            key = {k: item[k] for k in node["x-kubernetes-list-map-keys"] if k in item}
        text = json.dumps(key, separators=(",", ":"), sort_keys=True)
        if text in seen:
            message = f"Duplicate value: {text}"
            where = f"{at}[{index}]"
            errors.append(FieldError(field=where, reason="FieldValueDuplicate", message=message))
        seen.add(text)


def _check_string(value: str, node: Json, at: str, errors: list[FieldError]) -> None:
    def say(problem: str) -> None:
        message = f"Invalid value: {quote(value)}: {at} in body {problem}"
        errors.append(FieldError(field=at, reason=_INVALID, message=message))

    if "pattern" in node and not _regex(node["pattern"]).search(value):
        say(f"should match '{node['pattern']}'")
    if len(value) < node.get("minLength", 0):
        say(f"should be at least {node['minLength']} chars long")
    if "maxLength" in node and len(value) > node["maxLength"]:
        message = f"Too long: may not be more than {node['maxLength']} bytes"
        errors.append(FieldError(field=at, reason="FieldValueTooLong", message=message))
    if node.get("format") == "date-time" and not _is_time(value):
        say(f"must be of type date-time: {quote(value)}")


def _check_number(value: float, node: Json, at: str, errors: list[FieldError]) -> None:
    low, high = node.get("minimum", value), node.get("maximum", value)
    for words, limit, holds in (
        ("greater than or equal to", low, value >= low),
        ("less than or equal to", high, value <= high),
    ):
        if not holds:
            problem = f"{at} in body should be {words} {limit}"
            message = f"Invalid value: {json.dumps(value)}: {problem}"
            errors.append(FieldError(field=at, reason=_INVALID, message=message))


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def required(path: str) -> FieldError:
    """Builds the validation error for a missing required field."""
    return FieldError(field=path, reason="FieldValueRequired", message="Required value")


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
