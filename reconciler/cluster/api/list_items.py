"""``split``, ``is_balanced``, ``shallow``: split a JSON list of objects without recursion.

The JSON decoder cannot skip an object that is nested too deeply. This module finds the ends of the
objects in such a list, so that the other objects remain readable.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ITEMS = re.compile(rb'"items"\s*:\s*\[')
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},]', re.DOTALL)
_OPENING, _CLOSING = frozenset(b"[{"), frozenset(b"]}")


MAX_PER_PAGE = 1_000
"""The maximum number of objects on a page of a list; API servers send at most the requested 500.

Without this limit, a page of 128 MiB could contain 45 million empty objects.
"""
_OUTER_LEVELS = 2
"""The number of nesting levels that ``shallow`` keeps: the object and its metadata."""


class SplitList(NamedTuple):
    """A list of Kubernetes objects in JSON, split into the objects and the rest of the JSON."""

    envelope: bytes
    """The JSON of the list with an empty ``items`` array."""
    items: list[bytes]


def split(body: bytes, most: int = MAX_PER_PAGE) -> SplitList:
    """Split a JSON list into its objects; inside an object, only brackets and strings are checked.

    Raises:
        ValueError: *body* is not a list, is incomplete, or contains too many objects.
    """
    opening = _ITEMS.search(body)
    if opening is None:
        raise ValueError("the response has no `items` array")
    found: list[bytes] = []
    depth, start = 0, opening.end()
    for token in _TOKEN.finditer(body, start):
        char = body[token.start()]
        if depth == 0 and char in b",]":
            if item := body[start : token.start()].strip():
                found.append(item)
            if len(found) > most:
                raise ValueError(f"the list has more than {most:,} objects")
            start = token.end()
            if char in _CLOSING:
                return SplitList(body[: opening.end()] + body[token.start() :], found)
        depth += (char in _OPENING) - (char in _CLOSING)
    raise ValueError("the `items` array has no end")


def check_kind(found: str, plural: str) -> None:
    """Check that the kind of a list is ``List`` or matches the resource, for example ``PodList``.

    Raises:
        ValueError: *found* is another kind, such as ``Status``.
    """
    name = found.removesuffix("List").lower()
    listed = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    if not found.endswith("List") or (name and listed != plural):
        raise ValueError(f"its kind is {found[:64]!r}, which is not a list of {plural}")


def is_balanced(piece: bytes) -> bool:
    """Return whether JSON text is exactly one object or list with balanced brackets."""
    depth = 0
    for token in _TOKEN.finditer(piece):
        char = piece[token.start()]
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0 and char in _CLOSING:
            return not piece[token.end() :].strip()
    return False


def shallow(piece: bytes) -> bytes:
    """Replace each object or list below the second nesting level of a JSON object with null."""
    kept, depth, end = bytearray(), 0, 0
    for token in _TOKEN.finditer(piece):
        char = piece[token.start()]
        if char in _OPENING:
            depth += 1
            if depth == _OUTER_LEVELS + 1:
                kept += piece[end : token.start()] + b"null"
        elif char in _CLOSING:
            if depth == _OUTER_LEVELS + 1:
                end = token.end()
            depth -= 1
    return bytes(kept + piece[end:])
