"""Splits a list into objects while the response arrives: ``objects`` never holds a whole list."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ITEMS = re.compile(rb'"items"\s*:\s*\[')
_SEAM = b',{"metadata":{'
"""The bytes between two objects of a list, in the form in which API servers write them.

A JSON string cannot contain these bytes, since it would escape the quotation marks. A list inside
an object could contain them, so a piece counts as an object only if it is valid JSON.
"""
_RAW = msgspec.json.Decoder(msgspec.Raw)
_LIST = msgspec.json.Decoder(wire.Page[msgspec.Raw])


def objects(chunks: Iterable[bytes]) -> Iterator[bytes | msgspec.Raw]:
    """Yield each object of the list whose JSON arrives in *chunks*.

    A list that is formatted differently is split after all of its JSON has arrived.

    Raises:
        msgspec.DecodeError: The JSON is not a list; other errors of ``UNDECODABLE`` are possible.
    """
    arriving = iter(chunks)
    head, first = _head(arriving)
    rest, searched = b"", 0
    for chunk in chain((first,), arriving):
        rest += chunk
        start = 0
        while (seam := rest.find(_SEAM, searched)) >= 0:
            searched = seam + 1
            piece = rest[start:seam]
            if _is_whole(piece):
                yield piece
                start = searched
        rest = rest[start:]
        # The end of the text may be the start of a seam.
        searched = max(0, len(rest) - len(_SEAM) + 1)
    yield from _LIST.decode(head + rest).items or ()


def _head(arriving: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return the text before the first object, and the start of that object."""
    found = b""
    for chunk in arriving:
        found += chunk
        if opening := _ITEMS.search(found):
            return found[: opening.end()], found[opening.end() :]
    return found, b""


def _is_whole(piece: bytes) -> bool:
    try:
        _RAW.decode(piece)
    except UNDECODABLE:
        return False
    return True
