"""``CompactManifest``: stores the complete manifest of a VM with little memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson


class CompactManifest(Mapping[str, Any]):
    """A manifest that is stored as JSON text and decoded at each access.

    A plan holds the manifests of all VMs but reads few of them. Decoded manifests would take most
    of the plan's memory.
    """

    __slots__ = ("json",)

    def __init__(self, json: bytes) -> None:
        self.json = json

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        return orjson.loads(self.json)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(orjson.loads(self.json))

    def __len__(self) -> int:
        return len(orjson.loads(self.json))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CompactManifest) and self.json == other.json:
            return True
        return Mapping.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]  # mappings are not hashable

    def __repr__(self) -> str:
        return repr(orjson.loads(self.json))


def compact(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Convert a manifest to JSON text; return it unchanged if an integer exceeds 64 bits."""
    try:
        # Copy the bytes, because the result of orjson keeps a larger buffer in memory.
        return CompactManifest(bytes(memoryview(orjson.dumps(manifest))))
    except orjson.JSONEncodeError:
        return manifest
