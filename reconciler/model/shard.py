"""One share of a fleet: the namespaces of one of several runs at the same time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_FORM = re.compile(r"(?P<index>[0-9]{1,5})/(?P<total>[0-9]{1,5})")


class ShardError(ValueError):
    """A text that names no shard; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Shard *index*, from 0, of *total*."""

    index: int = 0
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``I/N``.

        Raises:
            ShardError: It has another form, or I is not below N.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ShardError(f"{text!r} is not of the form I/N, such as 0/4")
        index, total = int(found["index"]), int(found["total"])
        if index >= total:
            raise ShardError(
                f"{text!r}: shards count from 0, so the last of {total} is {total - 1}"
            )
        return cls(index=index, total=total)

    @property
    def has_config(self) -> bool:
        """Whether the KubeVirt CR is this shard's to change."""
        return self.index == 0

    def holds(self, namespace: str) -> bool:
        """Whether *namespace*, with all of its VMs, belongs to this shard.

        By a hash that is the same on every machine and in every version.
        """
        if self.total == 1:
            return True
        digest = hashlib.sha256(namespace.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.index

    def share(self, limit: int) -> int:
        """What of a *limit* that all shards share is this one's; at least 1.

        With no more shards than *limit* the shares add up to it at the most.
        """
        return max(1, limit // self.total + (self.index < limit % self.total))

    def __str__(self) -> str:
        return f"{self.index}/{self.total}"


WHOLE_FLEET = Shard()
"""The only shard where a fleet has one."""
