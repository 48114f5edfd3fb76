"""Writes JSON as an indented text, as pieces of this text, or on one line."""

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
    """Return a document as indented JSON that keeps the order of keys and ends in a line feed."""
    try:
        text = orjson.dumps(document, default=_text, option=orjson.OPT_INDENT_2).decode()
    except TypeError:
        # YAML can contain a lone surrogate or an integer beyond 64 bits. orjson rejects both; the
        # standard library writes them.
        text = json.dumps(document, default=_text, indent=2)
    return json_text(text) + "\n"


def compact(document: object) -> str:
    """Return a document as JSON on one line, without a line feed."""
    try:
        text = orjson.dumps(document, default=_text).decode()
    except TypeError:
        text = json.dumps(document, default=_text, separators=(",", ":"))
    return json_text(text)


def one_line(parts: Iterable[str]) -> str:
    """Join pieces of indented JSON into one line, which ends in a line feed."""
    # A line feed in a value is escaped, so that each line break is formatting.
    return "".join(line.strip() for line in "".join(parts).split("\n")) + "\n"


def pieces(document: object) -> Iterator[str]:
    """Yield the text of ``dumps`` in pieces.

    An iterator in *document* becomes a list whose elements are written one by one, so that the
    whole document is never in memory. Elements contain no iterators, and keys are text. If orjson
    rejects an element, only that element is escaped differently; ``dumps`` would escape all.
    """
    yield from _pieces(document, "\n")
    yield "\n"


def _pieces(value: object, line: str) -> Iterator[str]:
    """Yield the JSON of one value in pieces.

    *line* is a line feed plus the current indentation.
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
    """Return whether a value contains an iterator at any depth."""
    match value:
        case dict():
            return any(map(_streams, value.values()))
        case list():
            return any(map(_streams, value))
        case _:
            return isinstance(value, Iterator)


def _enclosed(brackets: str, members: Iterable[Iterable[str]], line: str) -> Iterator[str]:
    """Yield the members of a JSON list or object in brackets, each on its own line."""
    before = brackets[0]
    for member in members:
        yield before + line + _INDENT
        yield from member
        before = ","
    yield line + brackets[1] if before == "," else brackets


def _whole(value: object, line: str) -> str:
    # Line feeds in text are escaped, so each unescaped line feed ends a line.
    return dumps(value)[:-1].replace("\n", line)


def _text(value: object) -> str:
    """Return a value that has no JSON type as text.

    Raises:
        TypeError: The value is an iterator, whose elements would be lost.
    """
    if isinstance(value, Iterator):
        raise TypeError("only the function pieces() can write an iterator")
    return str(value)
