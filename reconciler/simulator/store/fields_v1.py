"""Encodes and decodes sets of field paths as FieldsV1, the format in managedFields.

A set of fields is a Python set of paths; a path is a tuple of FieldsV1 elements (`f:spec`,
`k:{"name":"eth0"}`, `v:"Snapshot"`).

Source: sigs.k8s.io/structured-merge-diff v6 fieldpath/serialize.go.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from reconciler.simulator.encoding import json_codec

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json

Path: TypeAlias = tuple[str, ...]
FieldSet: TypeAlias = set[Path]
Fields: TypeAlias = AbstractSet[Path]


def decode(fields: Json) -> Fields:
    """Decodes a FieldsV1 object of managedFields into a set of field paths."""
    return _decoded(json_codec.encode(fields))


@lru_cache(maxsize=4096)
def _decoded(fields: bytes) -> Fields:
    paths: FieldSet = set()
    _decode(json_codec.decode(fields), (), paths)
    return frozenset(paths)


def _decode(tree: Json, at: Path, paths: FieldSet) -> None:
    for element, below in tree.items():
        if element == ".":
            paths.add(at)
            continue
        path = (*at, element)
        if below:
            _decode(below, path, paths)
        else:
            paths.add(path)


def encode(paths: Fields) -> Json:
    """Encodes field paths as a FieldsV1 object, which is cached and must not be edited."""
    return _encoded(frozenset(paths))


@lru_cache(maxsize=4096)
def _encoded(paths: frozenset[Path]) -> Json:
    tree: Json = {}
    for path in sorted(paths, key=lambda p: (len(p), p)):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
    _mark_members(tree, (), paths)
    return tree


def _mark_members(tree: Json, at: Path, paths: Fields) -> None:
    for element in list(tree):
        path = (*at, element)
        below = tree[element]
        if below:
            _mark_members(below, path, paths)
            if path in paths:
                tree[element] = {".": {}, **below}
