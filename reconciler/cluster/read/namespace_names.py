"""``namespace_names``: lists the namespaces of a cluster, to complete them in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.errors import ClusterError

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client


class _Meta(msgspec.Struct):
    name: str


class _Namespace(msgspec.Struct):
    metadata: _Meta


class _Namespaces(msgspec.Struct):
    items: list[_Namespace]


def namespace_names(client: Client) -> tuple[str, ...]:
    """Return the names of all namespaces in the order of the API server.

    Raises:
        ClusterError: The namespaces cannot be read.
    """
    try:
        found = msgspec.json.decode(client.get("/api/v1/namespaces"), type=_Namespaces)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClusterError("the response is not a list of namespaces") from error
    return tuple(each.metadata.name for each in found.items)
