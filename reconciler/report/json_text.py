"""JSON text: indented, as a whole or piece by piece, or on one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

_INDENT = "  "


def dumps(document: object) -> str:
    """Indented JSON with its keys in the order of *document*, ending in a line feed."""
    try:
        return orjson.dumps(document, default=_text, option=orjson.OPT_INDENT_2).decode() + "\n"
    except TypeError:
        # A YAML escape can spell a lone surrogate or an integer beyond 64 bits, which orjson
        # refuses; the standard library writes both as JSON allows.
        return json.dumps(document, default=_text, indent=2) + "\n"


def compact(document: dict[str, Any]) -> str:
    """The same on one line, without a line feed."""
    try:
        return orjson.dumps(document, default=_text).decode()
    except TypeError:
        return json.dumps(document, default=_text, separators=(",", ":"))


def pieces(document: object) -> Iterator[str]:
    """The document of ``dumps``, piece by piece.

    An iterator in *document* stands for a list: each element is asked for, written and forgotten,
    so that the document need never be there whole. An element itself holds no iterators, and keys
    are texts. The text is that of ``dumps`` as well, but for an element that orjson refuses: no
    other is written with escapes because of it.
    """
    yield from _pieces(document, "\n")
    yield "\n"


def _pieces(value: object, line: str) -> Iterator[str]:
    """*value*, where *line* begins a new line as far in as the one that *value* stands on."""
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
    """Whether an iterator stands in *value*."""
    match value:
        case dict():
            return any(map(_streams, value.values()))
        case list():
            return any(map(_streams, value))
        case _:
            return isinstance(value, Iterator)


def _enclosed(brackets: str, members: Iterable[Iterable[str]], line: str) -> Iterator[str]:
    """The pieces of *members*, each member on a line of its own."""
    before = brackets[0]
    for member in members:
        yield before + line + _INDENT
        yield from member
        before = ","
    yield line + brackets[1] if before == "," else brackets


def _whole(value: object, line: str) -> str:
    # A line feed in a text is written as an escape, so that each one here ends a line.
    return dumps(value)[:-1].replace("\n", line)


def _text(value: object) -> str:
    """What JSON has no form for, as text.

    Raises:
        TypeError: It is an iterator, whose elements would be lost.
    """
    if isinstance(value, Iterator):
        raise TypeError("an iterator is written by pieces() alone")
    return str(value)
