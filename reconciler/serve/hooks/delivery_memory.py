"""``DeliveryMemory``: remembers the ids of webhooks, so that a repeated one has no effect."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

MAX_IDS = 4_096
"""The number of remembered ids; a busy organization sends about as many webhooks in an hour."""


class DeliveryMemory:
    """Stores the newest ids, as digests of a fixed size; used by one thread."""

    def __init__(self, max_ids: int = MAX_IDS) -> None:
        self._max_ids = max_ids
        self._ids: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ids)

    def seen(self, scheme: str, delivery_id: str) -> bool:
        """Return whether an id is already stored."""
        return _digest(scheme, delivery_id) in self._ids

    def add(self, scheme: str, delivery_id: str) -> None:
        """Store an id, and remove the oldest one if there are too many."""
        self._ids[_digest(scheme, delivery_id)] = None
        if len(self._ids) > self._max_ids:
            self._ids.popitem(last=False)


def _digest(scheme: str, delivery_id: str) -> bytes:
    return sha256(f"{scheme} {delivery_id}".encode("utf-8", "replace")).digest()[:16]
