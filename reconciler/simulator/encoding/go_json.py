"""Decodes JSON with the error messages of Go's JSON decoder.

Source: Go 1.26 encoding/json scanner.go.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    ScalarEvent,
)

_MAX_BYTES: Final = 3 * 1024 * 1024  # the limit of an API server for a request body
_MAX_DEPTH: Final = 200
_MAX_VALUES: Final = 500_000

_KEY: Final = "looking for beginning of object key string"
_AFTER: Final = {
    "Expecting property name enclosed in double quotes": _KEY,
    "Illegal trailing comma before end of object": _KEY,
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting value": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
}


class MalformedError(ValueError):
    """Raised if bytes are not valid JSON, with the error message of Go's JSON decoder."""


def loads(body: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Decodes JSON; an error has the message of Go's JSON decoder.

    Raises:
        MalformedError: The bytes are not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedError(_complaint(body)) from None


def loads_yaml(body: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Decodes YAML to the values that the equivalent JSON would have.

    Raises:
        MalformedError: The bytes are not YAML, are too large, or have no equivalent in JSON.
    """
    try:
        _bound(body)
        value = YAML(typ="safe", pure=True).load(body)
        option = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
        return orjson.loads(orjson.dumps(value, _refuse, option))
    except MalformedError:
        raise
    except RecursionError:
        raise MalformedError("the YAML is nested too deeply") from None
    except orjson.JSONEncodeError as error:
        raise MalformedError(str(error.__cause__ or error)) from None
    except (YAMLError, UnicodeError, ValueError, TypeError, LookupError, AttributeError) as error:
        # ruamel.yaml raises the last four for values that do not match their tags.
        raise MalformedError(str(error) or type(error).__name__) from error


def _bound(body: bytes) -> None:
    """Checks that YAML needs little time and memory to decode.

    Raises:
        MalformedError: The text is too long, nested too deeply, or repeats too many values.
    """
    if len(body) > _MAX_BYTES:
        raise MalformedError(f"the YAML has {len(body)} bytes; at most {_MAX_BYTES} are read")
    count, opened = 0, list[tuple[str | None, int]]()
    sizes: dict[str | None, int] = {}
    for event in YAML(typ="safe", pure=True).parse(body):
        if isinstance(event, AliasEvent):
            count += sizes.get(event.anchor, 1)
        elif isinstance(event, ScalarEvent | CollectionStartEvent):
            count += 1
            if isinstance(event, CollectionStartEvent):
                opened.append((event.anchor, count))
        elif isinstance(event, CollectionEndEvent):
            anchor, before = opened.pop()
            sizes[anchor] = count - before + 1
        if len(opened) > _MAX_DEPTH:
            raise MalformedError("the YAML is nested too deeply")
        if count > _MAX_VALUES:
            raise MalformedError(f"with its aliases, the YAML has more than {_MAX_VALUES} values")


def _refuse(value: Any) -> None:  # noqa: ANN401  # any value of YAML
    raise MalformedError(f"{value} is not a JSON value; put it in quotes")


def duplicates(body: bytes) -> list[str]:
    """Returns the dotted paths of duplicate keys in JSON; an empty list for invalid JSON."""
    found: list[str] = []
    try:
        _note_duplicates(json.loads(body, object_pairs_hook=_Pairs), "", found)
    except (ValueError, RecursionError):
        return []
    return found


class _Pairs:
    """A JSON object that keeps all occurrences of duplicate keys."""

    __slots__ = ("items",)

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


def _note_duplicates(value: Any, at: str, found: list[str]) -> None:  # noqa: ANN401  # any JSON value
    if isinstance(value, list):
        for index, item in enumerate(value):
            _note_duplicates(item, f"{at}[{index}]", found)
    elif isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, item in value.items:
            path = f"{at}.{name}" if at else name
            if name in seen and path not in found:
                found.append(path)
            seen.add(name)
            _note_duplicates(item, path, found)


def type_name(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """Returns Go's name for the type of a JSON value: array, object, string, number or bool."""
    if isinstance(value, bool):
        return "bool"
    names = {dict: "object", list: "array", str: "string", int: "number", float: "number"}
    return names.get(type(value), "null")


def _complaint(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or error.msg.startswith("Unterminated"):
            return "unexpected end of JSON input"
        where = _AFTER.get(error.msg)
        if where is None:
            inside = text[: error.pos].rstrip()[-1:] in {'"', "]", "}"} and "{" in text
            where = "after object key:value pair" if inside else "after array element"
        return f"invalid character {text[error.pos]!r} {where}"
    except RecursionError:
        return "exceeded max depth"
    except ValueError:  # Python converts integers of at most 4300 digits
        return "number out of range"
    return "invalid UTF-8"
