"""Serializes JSON as indented text (at once or in pieces), or as one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import orjson

from reconciler.escaping import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_INDENT = "  "


def dumps(document: object) -> str:
    """Serialize a document as indented JSON with a final newline; the order of keys is kept."""
    try:
        text = orjson.dumps(document, default=_text, option=orjson.OPT_INDENT_2).decode()
    except TypeError:
        # YAML can contain a lone surrogate or an integer beyond 64 bits. orjson rejects both
        # values, and the standard library accepts them.
        text = json.dumps(document, default=_text, indent=2)
    return json_text(text) + "\n"


def compact(document: object) -> str:
    """Serialize a document as JSON on one line, without a newline."""
    try:
        text = orjson.dumps(document, default=_text).decode()
    except TypeError:
        text = json.dumps(document, default=_text, separators=(",", ":"))
    return json_text(text)


def one_line(parts: Iterable[str]) -> str:
    """Join pieces of indented JSON into one line that ends with a newline."""
    # JSON escapes newlines in values, so each newline here is formatting.
    return "".join(line.strip() for line in "".join(parts).split("\n")) + "\n"


def pieces(document: object) -> Iterator[str]:
    """Serialize a document as indented JSON in pieces, to save memory.

    An iterator in *document* becomes a list whose elements are serialized one by one, so that the
    whole document is never in memory. The elements must not contain iterators, and keys must be
    strings. If orjson rejects an element, the standard library serializes this element; ``dumps``
    would use the standard library for the whole document.
    """
    yield from _pieces(document, "\n")
    yield "\n"


def _pieces(value: object, line: str) -> Iterator[str]:
    """Serialize one value as JSON, in pieces.

    *line* is a newline followed by the current indentation.
    """
    inner = line + _INDENT
    match value:
        case Iterator():
            yield from _enclosed("[]", ((_whole(each, inner),) for each in value), line)
        case dict() if _streams(value):
            members = (
                chain((f"{_whole(key, inner)}: ",), _pieces(each, inner))
                for key, each in value.items()
            )
            yield from _enclosed("{}", members, line)
        case list() if _streams(value):
            yield from _enclosed("[]", (_pieces(each, inner) for each in value), line)
        case _:
            yield _whole(value, line)


def _streams(value: object) -> bool:
    """Return whether a value is or contains an iterator, at any depth."""
    match value:
        case dict():
            return any(map(_streams, value.values()))
        case list():
            return any(map(_streams, value))
        case _:
            return isinstance(value, Iterator)


def _enclosed(brackets: str, members: Iterable[Iterable[str]], line: str) -> Iterator[str]:
    """Serialize a JSON list or object with each member on its own line."""
    before = brackets[0]
    for member in members:
        yield before + line + _INDENT
        yield from member
        before = ","
    yield line + brackets[1] if before == "," else brackets


def _whole(value: object, line: str) -> str:
    # JSON escapes newlines in strings, so each newline here ends a line.
    return dumps(value)[:-1].replace("\n", line)


def _text(value: object) -> str:
    """Convert a value without a JSON type, such as a memory size, to a string.

    Raises:
        TypeError: The value is an iterator, whose elements would be lost.
    """
    if isinstance(value, Iterator):
        raise TypeError("only the function pieces() can write an iterator")
    return str(value)
