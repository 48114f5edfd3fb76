"""``json_pieces``: splits a stream of JSON objects into single objects.

If the first character after white space is a brace, kubectl reads the text as a sequence of JSON
objects. A YAML parser would read only one object, and would reject a tab before the object.

Source: k8s.io/apimachinery v0.32 pkg/util/yaml/decoder.go (YAMLOrJSONDecoder).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from reconciler.source.yaml.nodes import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")


def json_pieces(text: str) -> tuple[Piece, ...] | None:
    """Split a stream of JSON objects into single objects.

    Return None if *text* is not JSON that starts with a brace, so that it must be read as YAML.
    """
    if not text.startswith("{", _end_of_space(text, 0)):
        return None
    try:
        return tuple(_pieces(text))
    except (ValueError, RecursionError):
        return None


def _pieces(text: str) -> Iterator[Piece]:
    decoder, end, row, line_start = json.JSONDecoder(strict=False), 0, 0, 0
    while True:
        start = _end_of_space(text, end)
        row += text.count("\n", end, start)
        line_start = max(line_start, text.rfind("\n", end, start) + 1)
        if start == len(text):
            return
        _, end = decoder.raw_decode(text, start)
        yield Piece(text[start:end], row, start - line_start)
        row += text.count("\n", start, end)
        line_start = max(line_start, text.rfind("\n", start, end) + 1)


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
