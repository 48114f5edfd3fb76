"""``objects``: splits a list response into objects while the response arrives.

Only one object at a time is in memory.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.cluster.api import list_items
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode.structs import wire
from reconciler.decoders import JSONDecoder, built_once, json_decoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ITEMS = re.compile(rb'"items"\s*:\s*\[')
_SEAM = b',{"metadata":{'
"""The bytes between two objects in a JSON list that an API server sends.

A JSON string cannot contain these bytes, since quotation marks in a string are escaped. A nested
list can contain these bytes, so a piece counts as an object only if the piece is valid JSON.
"""
_MAX_WAITING = 32 << 20
"""The maximum size of an object in bytes; etcd stores at most 1.5 MiB."""
_MAX_HEAD = 64 << 10
"""The maximum number of bytes before the first object in a list; API servers send under 1 KiB."""
MAX_OBJECTS = 1_000_000
"""The maximum number of objects in a list; Kubernetes supports clusters of 150,000 pods.

Source: https://kubernetes.io/docs/setup/best-practices/cluster-large/
"""
_MAX_INNER_SEAMS = 100
"""The maximum number of times that the separator ``_SEAM`` can occur inside one object."""
_RAW = json_decoder(msgspec.Raw)


def objects(chunks: Iterable[bytes], plural: str) -> Iterator[bytes | msgspec.Raw]:
    """Yield each object of a JSON list while the list arrives.

    If the JSON layout differs from that of API servers, all objects are yielded at the end.

    Raises:
        msgspec.DecodeError: The JSON is not a list; other errors of ``UNDECODABLE`` are possible.
        ValueError: The list has the wrong kind or is too long, or an object is too large or
            contains too many objects.
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
                raise ValueError(f"an object contains more than {_MAX_INNER_SEAMS} nested objects")
            if count > MAX_OBJECTS:
                raise ValueError(f"the list has more than {MAX_OBJECTS:,} objects")
        del rest[:start]
        if len(rest) > _MAX_WAITING:
            raise ValueError(f"an object is larger than {_MAX_WAITING >> 20} MiB")
        # The end of the buffer may be the start of a seam.
        searched = max(0, len(rest) - len(_SEAM) + 1)
    yield from _last_items(bytes(head + rest), plural)


def _last_items(body: bytes, plural: str) -> Sequence[bytes | msgspec.Raw]:
    """Return the remaining objects at the end of a JSON list, and check the kind of the list."""
    try:
        page = _page_decoder().decode(body)
        kind: str = page.kind
        found: Sequence[bytes | msgspec.Raw] = _values(page.items)
    except (RecursionError, msgspec.ValidationError):  # too deep, or not a page of usual length
        cut = list_items.split(body, MAX_OBJECTS)
        kind, found = json_decoder(wire.Page[object]).decode(cut.envelope).kind, cut.items
    list_items.check_kind(kind, plural)
    return found


def _head(arriving: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Split the start of a list response into the bytes before its first object and the rest."""
    found = b""
    for chunk in arriving:
        found += chunk
        if opening := _ITEMS.search(found):
            return found[: opening.end()], found[opening.end() :]
        if len(found) > _MAX_HEAD:
            raise ValueError(
                f"the `items` array does not start in the first {_MAX_HEAD >> 10} KiB of the "
                "response"
            )
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
    """Return the JSON of each object on a list page, even if an object is nested too deeply.

    Raises:
        msgspec.DecodeError: The JSON is not a list of at most ``list_items.MAX_PER_PAGE`` objects;
            other errors of ``UNDECODABLE`` are possible.
    """
    try:
        return _values(_page_decoder().decode(body).items)
    except RecursionError:
        return list_items.split(body).items


def _values(items: Any) -> Sequence[msgspec.Raw]:  # noqa: ANN401 - a struct that is made below
    found = msgspec.structs.astuple(items) if items is not None else ()
    return [each for each in found if each is not msgspec.UNSET]


@built_once
def _page_decoder() -> JSONDecoder[wire.Page[Any]]:
    """Build a decoder that fails if a list page has more than ``MAX_PER_PAGE`` objects.

    msgspec checks a limit on the length of a list only when the whole list is in memory. A struct
    that is encoded as an array, with one field per object, is checked field by field.
    """
    raw = msgspec.Raw | msgspec.UnsetType
    fields = [(f"n{n}", raw, msgspec.UNSET) for n in range(list_items.MAX_PER_PAGE)]
    page: Any = msgspec.defstruct(
        "Items", fields, array_like=True, forbid_unknown_fields=True, gc=False
    )
    return json_decoder(wire.Page[page])
