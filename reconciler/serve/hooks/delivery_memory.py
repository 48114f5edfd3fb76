"""``DeliveryMemory``: remembers webhook delivery IDs, so that a repeated request has no effect."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

MAX_IDS = 4_096
"""The number of remembered delivery IDs, roughly what a busy organization sends per hour."""


class DeliveryMemory:
    """Stores the newest webhook delivery IDs as fixed-size digests; used by one thread."""

    def __init__(self, max_ids: int = MAX_IDS) -> None:
        self._max_ids = max_ids
        self._ids: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ids)

    def seen(self, scheme: str, delivery_id: str) -> bool:
        """Return whether a webhook delivery ID is already stored."""
        return _digest(scheme, delivery_id) in self._ids

    def add(self, scheme: str, delivery_id: str) -> None:
        """Store a webhook delivery ID, and remove the oldest one if the limit is exceeded."""
        self._ids[_digest(scheme, delivery_id)] = None
        if len(self._ids) > self._max_ids:
            self._ids.popitem(last=False)


def _digest(scheme: str, delivery_id: str) -> bytes:
    return sha256(f"{scheme} {delivery_id}".encode("utf-8", "replace")).digest()[:16]
