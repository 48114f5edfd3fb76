"""``leader_note``: lets a process that is not the leader annotate the leader's Lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.execution.leases import serve_lease
from reconciler.cluster.lease.lease_note import write_note
from reconciler.model.shard import WHOLE_FLEET, Shard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.cluster.api.client import Client


def leader_note(
    client: Client, shard: Shard = WHOLE_FLEET
) -> Callable[[str, Mapping[str, str | None]], bool]:
    """Return a function that writes annotations to the Lease of a shard's leader.

    The function takes the namespace and the annotations, and returns whether they were written. If
    a request fails, the function raises ``ClusterError``.
    """

    def write(namespace: str, annotations: Mapping[str, str | None]) -> bool:
        return write_note(client, namespace, serve_lease(shard), annotations)

    return write
