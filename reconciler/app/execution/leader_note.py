"""``leader_note``: lets a process that does not lead write to the Lease of the leader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.execution.leases import SERVE_LEASE
from reconciler.cluster.lease.lease_note import write_note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.cluster.api.client import Client


def leader_note(client: Client) -> Callable[[str, Mapping[str, str | None]], bool]:
    """Return a function that writes annotations to the Lease of the leader in a namespace.

    The function returns whether they are written. If a request fails, it raises ``ClusterError``.
    """

    def write(namespace: str, annotations: Mapping[str, str | None]) -> bool:
        return write_note(client, namespace, SERVE_LEASE, annotations)

    return write
