"""Encodes objects, plain dicts, as the JSON bytes that are stored and sent."""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

Json: TypeAlias = dict[str, Any]
"""A JSON object."""


def encode(obj: Json | list[Any]) -> bytes:
    """Encodes a value; equal values give equal bytes."""
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)


def decode(body: bytes) -> Json:
    """Decodes an encoded object."""
    decoded: Json = orjson.loads(body)
    return decoded


def copy(obj: Json) -> Json:
    """Returns a deep copy."""
    return decode(encode(obj))
