"""Splits a list into objects while the response arrives: ``objects`` never holds a whole list."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from reconciler.cluster.api import list_items
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ITEMS = re.compile(rb'"items"\s*:\s*\[')
_SEAM = b',{"metadata":{'
"""The bytes between two objects of a list, in the form in which API servers write them.

A JSON string cannot contain these bytes, since the quotation marks in it are escaped. A list
inside an object can contain them, so a piece counts as an object only if it is valid JSON.
"""
_MAX_WAITING = 32 << 20
"""The maximum size of an object in bytes; etcd stores at most 1.5 MiB."""
_MAX_HEAD = 64 << 10
"""The maximum number of bytes before the first object; API servers write less than 1 KiB."""
MAX_OBJECTS = 1_000_000
"""The maximum number of objects in a list; Kubernetes supports clusters of 150,000 pods.

Source: https://kubernetes.io/docs/setup/best-practices/cluster-large/
"""
_MAX_INNER_SEAMS = 100
"""The maximum number of ``_SEAM`` inside one object; pods and quotas do not contain it."""
_RAW = msgspec.json.Decoder(msgspec.Raw)
_LIST = msgspec.json.Decoder(wire.Page[msgspec.Raw])


def objects(chunks: Iterable[bytes]) -> Iterator[bytes | msgspec.Raw]:
    """Yield each object of the list whose JSON arrives in *chunks*.

    A list in another JSON format is split only after all of it has arrived.

    Raises:
        msgspec.DecodeError: The JSON is not a list; other errors of ``UNDECODABLE`` are possible.
        ValueError: An object is too large or contains too many objects, or the list is too long.
    """
    arriving = iter(chunks)
    head, first = _head(arriving)
    rest, searched, inner, count = bytearray(), 0, 0, 0
    for chunk in chain((first,), arriving):
        rest += chunk
        start = 0
        while (seam := rest.find(_SEAM, searched)) >= 0:
            searched = seam + 1
            piece = bytes(rest[start:seam])
            if _is_whole(piece):
                yield piece
                start, inner, count = searched, 0, count + 1
            else:
                inner += 1
            if inner > _MAX_INNER_SEAMS:
                raise ValueError(f"an object contains more than {_MAX_INNER_SEAMS} objects")
            if count > MAX_OBJECTS:
                raise ValueError(f"it has more than {MAX_OBJECTS:,} objects")
        del rest[:start]
        if len(rest) > _MAX_WAITING:
            raise ValueError(f"an object has more than {_MAX_WAITING >> 20} MiB")
        # The end of the text may be the start of a seam.
        searched = max(0, len(rest) - len(_SEAM) + 1)
    yield from raw_items(head + rest)


def _head(arriving: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return the text before the first object, and the start of that object."""
    found = b""
    for chunk in arriving:
        found += chunk
        if opening := _ITEMS.search(found):
            return found[: opening.end()], found[opening.end() :]
        if len(found) > _MAX_HEAD:
            raise ValueError(f"a list does not start in its first {_MAX_HEAD >> 10} KiB")
    return found, b""


def _is_whole(piece: bytes) -> bool:
    try:
        _RAW.decode(piece)
    except RecursionError:
        return list_items.is_balanced(piece)
    except UNDECODABLE:
        return False
    return True


def raw_items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """Return each object of the list *body*, also if an object is nested too deeply to be decoded.

    Raises:
        msgspec.DecodeError: The JSON is not a list; other errors of ``UNDECODABLE`` are possible.
    """
    try:
        return _LIST.decode(body).items or ()
    except RecursionError:
        return list_items.split(body).items
