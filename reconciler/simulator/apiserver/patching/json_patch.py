"""Applies JSON Patch (RFC 6902) as the Kubernetes API server interprets it.

The API server accepts `replace` of an absent field. In a `test`, an absent field equals null.
An operation that cannot be applied (a failed `test`, a missing parent, an unknown `op`) always
causes the same error.

Source: github.com/evanphx/json-patch v4.12.0 (patch.go), which kube-apiserver v1.36 uses.
"""

from __future__ import annotations

from typing import Any

from reconciler.simulator.encoding import go_json


class DecodeError(ValueError):
    """Raised if a request body is not a JSON Patch, with the error message of kube-apiserver."""


class NotApplicableError(ValueError):
    """Raised if a JSON Patch operation cannot be applied; the message shows the operation."""


def parse(body: bytes) -> list[dict[str, Any]]:
    """Decodes a JSON Patch into its operations.

    Raises:
        DecodeError: The patch is not JSON, or not a list of objects.
    """
    try:
        patch = go_json.loads(body)
    except go_json.MalformedError as error:
        raise DecodeError(str(error)) from error
    if not isinstance(patch, list):
        kind = go_json.type_name(patch)
        raise DecodeError(f"json: cannot unmarshal {kind} into Go value of type jsonpatch.Patch")
    for operation in patch:
        if not isinstance(operation, dict):
            kind = go_json.type_name(operation)
            raise DecodeError(
                f"json: cannot unmarshal {kind} into Go value of type jsonpatch.Operation"
            )
    return patch


def apply(patch: list[dict[str, Any]], document: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Applies a JSON Patch to a copy of a document, and returns the copy.

    Raises:
        NotApplicableError: An operation cannot be applied. The document is unchanged.
    """
    patched = _copy(document)
    for number, operation in enumerate(patch):
        try:
            _apply_one(operation, patched)
        except (LookupError, TypeError, ValueError) as error:
            raise NotApplicableError(f"operation {number} {operation!r}: {error}") from error
    return patched


def _apply_one(operation: dict[str, Any], document: Any) -> None:  # noqa: ANN401  # any JSON value
    parent, key = _find(document, _text(operation, "path"))
    match operation.get("op"):
        case "add":
            _add(parent, key, _copy(operation.get("value")))
        case "replace":
            _get(parent, key)
            _set(parent, key, _copy(operation.get("value")))
        case "remove":
            _remove(parent, key)
        case "move":
            source, source_key = _find(document, _text(operation, "from"))
            value = _get(source, source_key)
            _remove(source, source_key)
            parent, key = _find(document, operation["path"])
            _add(parent, key, value)
        case "copy":
            source, source_key = _find(document, _text(operation, "from"))
            _add(parent, key, _copy(_get(source, source_key)))
        case "test":
            if "value" not in operation or not same(_get(parent, key), operation["value"]):
                raise ValueError("test failed")
        case unknown:
            raise ValueError(f"unexpected kind {unknown!r}")


def same(left: Any, right: Any) -> bool:  # noqa: ANN401  # any JSON values
    """Returns whether two JSON values are equal; 1, 1.0 and true are different values."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _copy(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Copies a JSON value deeply, faster than `copy.deepcopy`, since JSON has no cycles."""
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _text(operation: dict[str, Any], field: str) -> str:
    value = operation.get(field)
    if isinstance(value, str):
        return value
    raise LookupError(f"{field} is missing")


def _find(document: Any, pointer: str) -> tuple[Any, str]:  # noqa: ANN401  # any JSON value
    """Returns the parent of the value at a JSON Pointer, and the value's key in the parent."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]
    if len(parts) < 2:  # noqa: PLR2004  # "/key" splits into two
        raise LookupError("a pointer to the whole document is not supported")
    node = document
    for part in parts[1:-1]:
        node = _get(node, part)
    if not isinstance(node, dict | list):
        raise TypeError(f"missing parent of {pointer}")
    return node, parts[-1]


def _index(items: list[Any], key: str, *, past_end: bool = False) -> int:
    index = int(key)
    # When an item is added, a negative index counts from the end of the resulting list.
    size = len(items) + 1 if past_end else len(items)
    if not -size <= index < size:
        raise LookupError(f"index {index} is outside a list of {len(items)} items")
    return index if index >= 0 else index + size


def _get(parent: Any, key: str) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(parent, dict):
        return parent.get(key)
    if isinstance(parent, list):
        return parent[_index(parent, key)]
    raise LookupError(f"{key!r} has no parent")


def _set(parent: Any, key: str, value: Any) -> None:  # noqa: ANN401  # any JSON values
    if isinstance(parent, dict):
        parent[key] = value
    else:
        parent[_index(parent, key)] = value


def _add(parent: Any, key: str, value: Any) -> None:  # noqa: ANN401  # any JSON values
    if isinstance(parent, dict):
        parent[key] = value
    elif key == "-":
        parent.append(value)
    else:
        parent.insert(_index(parent, key, past_end=True), value)


def _remove(parent: Any, key: str) -> None:  # noqa: ANN401  # any JSON value
    if isinstance(parent, list):
        del parent[_index(parent, key)]
    elif key in parent:
        del parent[key]
    else:
        raise LookupError(f"{key!r} is absent")
