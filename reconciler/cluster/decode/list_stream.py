"""Cuts a list into its objects while it comes, so that it need never be there whole; pure."""

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
"""How the next object begins as API servers write it.

No text can hold that, as its quotation marks would have backslashes before them. Another list
within an object could; so a piece counts as an object only if it is one.
"""
_RAW = msgspec.json.Decoder(msgspec.Raw)
_LIST = msgspec.json.Decoder(wire.Page[msgspec.Raw])


def objects(chunks: Iterable[bytes]) -> Iterator[bytes | msgspec.Raw]:
    """Each object of the list whose JSON comes in *chunks*.

    What is written in another way than an API server's is cut once all of it is there.

    Raises:
        msgspec.DecodeError: It is not a list; also the others of ``UNDECODABLE``.
    """
    coming = iter(chunks)
    head, begun = _head(coming)
    rest, searched = b"", 0
    for chunk in chain((begun,), coming):
        rest += chunk
        begin = 0
        while (seam := rest.find(_SEAM, searched)) >= 0:
            searched = seam + 1
            piece = rest[begin:seam]
            if _is_whole(piece):
                yield piece
                begin = searched
        rest = rest[begin:]
        # A seam may have come in part.
        searched = max(0, len(rest) - len(_SEAM) + 1)
    yield from _LIST.decode(head + rest).items or ()


def _head(coming: Iterator[bytes]) -> tuple[bytes, bytes]:
    """What comes up to the first object, and what has come of that; all, where there is none."""
    found = b""
    for chunk in coming:
        found += chunk
        if begin := _ITEMS.search(found):
            return found[: begin.end()], found[begin.end() :]
    return found, b""


def _is_whole(piece: bytes) -> bool:
    try:
        _RAW.decode(piece)
    except UNDECODABLE:
        return False
    return True
