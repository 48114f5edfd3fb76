"""``Shard``: selects the namespaces that one of several parallel runs changes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from reconciler.model.quoting import quoted

_FORM = re.compile(r"(?P<index>[0-9]{1,5})/(?P<total>[0-9]{1,5})")


class ShardError(ValueError):
    """Raised if a string is not a shard such as ``0/4``; the message explains why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The namespaces that one of several parallel runs changes.

    *index* is the shard's number, from 0; *total* is the number of shards.
    """

    index: int = 0
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse a shard such as ``0/4``: its number from 0, and the number of shards.

        Raises:
            ShardError: *text* does not have this form, or the shard's number is too large.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ShardError(f"{quoted(text)} is not a shard; write I/N, such as 0/4")
        index, total = int(found["index"]), int(found["total"])
        if index >= total:
            raise ShardError(
                f"{quoted(text)}: shards are numbered from 0, so the last of {total} "
                f"shards is {total - 1}"
            )
        return cls(index=index, total=total)

    @property
    def has_config(self) -> bool:
        """Whether this shard changes the KubeVirt CR."""
        return self.index == 0

    def holds(self, namespace: str) -> bool:
        """Return whether a namespace and all its VMs belong to this shard.

        A hash of the namespace's name selects the shard, so the result is the same on all machines
        and in all versions.
        """
        if self.total == 1:
            return True
        digest = hashlib.sha256(namespace.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.index

    def share(self, limit: int) -> int:
        """Return the part of a cluster-wide limit that this shard can use, which is at least 1.

        The parts of all shards add up to *limit*, unless there are more shards than *limit*.
        """
        return max(1, limit // self.total + (self.index < limit % self.total))

    def __str__(self) -> str:
        return f"{self.index}/{self.total}"


WHOLE_FLEET = Shard()
"""The shard that contains all VMs, for a cluster that is not divided into shards."""
