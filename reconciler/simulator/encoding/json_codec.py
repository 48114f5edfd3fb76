"""Encodes Kubernetes objects as JSON bytes, as the simulated API server stores and sends them."""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

Json: TypeAlias = dict[str, Any]
"""The type of a decoded JSON object."""


def encode(obj: Json | list[Any]) -> bytes:
    """Encodes a JSON value so that equal values have equal encodings."""
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)


def decode(body: bytes) -> Json:
    """Decodes a JSON object."""
    decoded: Json = orjson.loads(body)
    return decoded


def copy(obj: Json) -> Json:
    """Returns a deep copy of a JSON object."""
    return decode(encode(obj))
