"""``namespace_names``: lists the namespaces of a cluster for shell completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cluster.read.migration_policy_reader import list_namespaces

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client


def namespace_names(client: Client) -> tuple[str, ...]:
    """List the names of all namespaces, in the order of the API server.

    Raises:
        ClusterError: The list cannot be read.
    """
    return tuple(name for name, _labels in list_namespaces(client).values)
