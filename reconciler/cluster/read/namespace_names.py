"""``namespace_names``: lists the namespaces of a cluster for shell completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.api.paging import pages
from reconciler.cluster.decode import wire
from reconciler.cluster.read.migration_policy_reader import NAMESPACES
from reconciler.errors import ClusterError

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client


class _Named(wire.Wire, frozen=True):
    metadata: wire.Meta


def namespace_names(client: Client) -> tuple[str, ...]:
    """Return the names of all namespaces in the order of the API server.

    Raises:
        ClusterError: The namespaces cannot be read.
    """
    try:
        return tuple(
            each.metadata.name
            for page in pages(client, NAMESPACES)
            for each in msgspec.json.decode(page.body, type=wire.Page[_Named]).items or ()
        )
    except UNDECODABLE as error:
        raise ClusterError("the response is not a list of namespaces") from error
