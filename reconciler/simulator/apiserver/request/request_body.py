"""Decodes request bodies, and checks that the objects in them match the URL path.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers (create.go, rest.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reconciler.simulator.apiserver.request import schema_validation, status_errors
from reconciler.simulator.encoding import go_json, protobuf
from reconciler.simulator.store import structural_schema

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.api_call import ApiCall
    from reconciler.simulator.apiserver.request.http_messages import Request
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource

_JSON_TYPES: Final = frozenset({"", "application/json"})
_YAML_TYPES: Final = frozenset({"application/yaml", "application/apply-patch+yaml"})
_ACCEPTED: Final = ("application/json", "application/yaml")


def read(call: ApiCall) -> Json:
    """Decodes the object in the body of a POST or PUT request, and checks its kind.

    Raises:
        StatusError: The body is not an object, or the object has another kind.
    """
    media_type = call.request.media_type
    resource = call.resource
    if media_type == protobuf.MEDIA_TYPE and not resource.custom:
        obj = _decode_protobuf(call.request.body)
    elif media_type not in _JSON_TYPES | _YAML_TYPES:
        raise status_errors.unsupported_media_type(_ACCEPTED)
    else:
        obj = decode(call.request.body, yaml=media_type in _YAML_TYPES, kind=resource.kind)
    check_kind(obj, resource)
    return obj


def read_options(request: Request, kind: str) -> Json:
    """Decodes the options in a DELETE or subresource request; returns {} for an empty body."""
    if not request.body.strip():
        return {}
    if request.media_type == protobuf.MEDIA_TYPE:
        return _decode_protobuf(request.body)
    return decode(request.body, yaml=True, kind=kind)


def _decode_protobuf(body: bytes) -> Json:
    try:
        return protobuf.loads(body)
    except protobuf.UnsupportedError as error:
        raise status_errors.unsupported_media_type(_ACCEPTED) from error


def decode(body: bytes, *, yaml: bool, kind: str) -> Json:
    """Decodes an object in a request body from JSON or, if `yaml` is true, from JSON or YAML.

    Raises:
        StatusError: The body is not an object.
    """
    value: Any
    try:
        value = go_json.loads(body)
    except go_json.MalformedError as error:
        if not yaml:
            raise _unreadable(kind, f"json parse error: {error}") from error
        try:
            value = go_json.loads_yaml(body)
        except go_json.MalformedError as problem:
            raise _unreadable(kind, f"yaml: {problem}") from problem
    if not isinstance(value, dict):
        found = go_json.type_name(value)
        complaint = f"json: cannot unmarshal {found} into Go value of type struct"
        raise _unreadable(kind, f"json parse error: {complaint}")
    return value


def _unreadable(kind: str, problem: str) -> status_errors.StatusError:
    return status_errors.bad_request(
        f"the object provided is unrecognized (must be of type {kind}): "
        f"couldn't get version/kind; {problem}"
    )


def check_kind(obj: Json, resource: Resource) -> None:
    """Checks the apiVersion and kind of an object, and sets them if they are absent.

    Raises:
        StatusError: The object's apiVersion or kind does not match the URL path.
    """
    api_version = obj.setdefault("apiVersion", resource.api_version)
    kind = obj.setdefault("kind", resource.kind)
    if api_version != resource.api_version:
        raise status_errors.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API "
            f"version ({resource.api_version})"
        )
    if kind != resource.kind:
        head = f'{kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise status_errors.bad_request(f"{head}: no kind {kind!r} is registered")
    if not isinstance(obj.setdefault("metadata", {}), dict):
        raise status_errors.bad_request(
            f'{kind} in version "{resource.version}" cannot be handled as a {kind}: json: cannot '
            "unmarshal into Go struct field .metadata of type v1.ObjectMeta"
        )


def check_place(call: ApiCall, obj: Json) -> None:
    """Checks that an object's namespace and name match the URL path; sets them if absent.

    Raises:
        StatusError: The object's namespace or name differs from the URL path.
    """
    meta, target = obj["metadata"], call.target
    if call.resource.namespaced:
        if meta.get("namespace", target.namespace) != target.namespace:
            raise status_errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        meta["namespace"] = target.namespace
    else:
        meta.pop("namespace", None)
    if target.name and meta.setdefault("name", target.name) != target.name:
        raise status_errors.bad_request(
            f"the name of the object ({meta['name']}) does not match the name on the URL "
            f"({target.name})"
        )


def prune(call: ApiCall, obj: Json) -> list[str]:
    """Removes unknown fields from an object and sets default values, in place.

    Null values are removed from objects of built-in kinds, and a null label or annotation becomes
    an empty string, as in Go's decoder.

    Returns:
        The errors of strict decoding, such as `unknown field "spec.nope"`.

    Raises:
        StatusError: A field of a built-in kind has the wrong type.
    """
    _replace_null_texts(obj)
    node = structural_schema.served(call.resource)
    unknown = schema_validation.prune(obj, node)
    if call.resource.custom:
        schema_validation.apply_defaults(obj, node)
    else:
        _drop_nulls(obj)
        _check_types(call.resource, obj, node)
    return [f'unknown field "{path}"' for path in unknown]


def strict_problems(call: ApiCall, obj: Json) -> list[str]:
    """Prunes an object, and returns the errors about unknown and duplicate fields."""
    is_json = call.request.media_type in _JSON_TYPES
    twice = go_json.duplicates(call.request.body) if is_json else ()
    return [*(f'duplicate field "{path}"' for path in twice), *prune(call, obj)]


def complain(call: ApiCall, problems: list[str]) -> None:
    """Reports unknown and duplicate fields as the request's fieldValidation option requires.

    Raises:
        StatusError: The object has unknown or duplicate fields, and fieldValidation is Strict.
    """
    if not problems or call.field_validation == "Ignore":
        return
    if call.field_validation == "Strict":
        kind = call.resource.kind
        raise status_errors.bad_request(
            f'{kind} in version "{call.resource.version}" cannot be handled as a {kind}: '
            f"strict decoding error: {', '.join(problems)}"
        )
    call.warnings.extend(problems)


def _replace_null_texts(obj: Json) -> None:
    metadata = obj.get("metadata")
    for name in ("labels", "annotations"):
        texts = metadata.get(name) if isinstance(metadata, dict) else None
        if isinstance(texts, dict):
            texts.update({key: "" for key, text in texts.items() if text is None})


def _drop_nulls(value: Any) -> None:  # noqa: ANN401  # any JSON value
    if isinstance(value, list):
        for item in value:
            _drop_nulls(item)
    elif isinstance(value, dict):
        for name in [name for name, item in value.items() if item is None]:
            del value[name]
        for item in value.values():
            _drop_nulls(item)


def _check_types(resource: Resource, obj: Json, node: Json) -> None:
    for error in schema_validation.check(obj, node):
        if error.reason == "FieldValueTypeInvalid":
            kind = resource.kind
            wanted = error.message.rpartition("of type ")[2].partition(":")[0]
            found = error.message.rpartition(": ")[2].strip('"')
            raise status_errors.bad_request(
                f'{kind} in version "{resource.version}" cannot be handled as a {kind}: json: '
                f"cannot unmarshal {found} into Go struct field {kind}.{error.field} of type "
                f"{wanted}"
            )
