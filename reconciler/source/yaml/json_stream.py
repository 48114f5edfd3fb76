"""Splits a stream of JSON objects into its objects: ``json_pieces``.

kubectl reads a text that starts with a brace, after white space of any kind, as JSON objects one
after another. A YAML parser reads only one object, and rejects a tab before the object.
Source: k8s.io/apimachinery v0.32 pkg/util/yaml/decoder.go (YAMLOrJSONDecoder).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = " \t\r\n"


def json_pieces(text: str) -> tuple[str, ...] | None:
    """Return the JSON objects in *text*, each after blank lines and spaces up to its position.

    The result is None if *text* is not JSON that starts with a brace, and is to be read as YAML.
    """
    if not text.lstrip(_SPACE).startswith("{"):
        return None
    try:
        return tuple(_pieces(text))
    except (ValueError, RecursionError):
        return None


def _pieces(text: str) -> Iterator[str]:
    decoder, at, row = json.JSONDecoder(strict=False), 0, 0
    while True:
        start = len(text) - len(text[at:].lstrip(_SPACE))
        row += text.count("\n", at, start)
        if start == len(text):
            return
        _, at = decoder.raw_decode(text, start)
        column = start - (text.rfind("\n", 0, start) + 1)
        yield "\n" * row + " " * column + text[start:at]
        row += text.count("\n", start, at)
