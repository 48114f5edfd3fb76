"""What the informer's followers list and watch, and how it gets into the informer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reconciler.cluster.read.cluster_reader import list_all, list_nodes

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable
    from reconciler.cluster.informer.informer import ClusterInformer
    from reconciler.cluster.informer.store import Rows

V = TypeVar("V")

LISTED = "listed"
"""Stands for a version where lists of several kinds have none in common."""


class KindTarget(Generic[V]):
    """One kind of the informer; implements ``follower.Target``."""

    def __init__(
        self, informer: ClusterInformer, path: str, kind: Readable[V], rows: Rows[V, Any]
    ) -> None:
        self.path = path
        self._informer = informer
        self._kind = kind
        self._rows = rows

    def relist(self, client: Client) -> str:
        """List everything anew; the version after which a watch goes on."""
        listed = list_all(client, self.path, self._kind)
        self._informer.change(lambda: self._rows.replace(listed.values, listed.diagnostics))
        return listed.resource_version

    def event(self, kind: str, body: bytes) -> None:
        """Take in one event; decoding happens before anybody is kept waiting."""
        ref = self._kind.ref(body)
        if kind == "DELETED":
            self._informer.change(lambda: self._rows.drop(ref))
            return
        decoded = self._kind.take(body)
        self._informer.change(lambda: self._rows.take(ref, decoded))


class NodeTarget:
    """The nodes of the informer, which are only listed now and then."""

    def __init__(self, informer: ClusterInformer) -> None:
        self._informer = informer

    def relist(self, client: Client) -> str:
        """List the nodes anew."""
        listed = list_nodes(client)
        self._informer.take_nodes(listed)
        return listed.resource_version

    def event(self, kind: str, body: bytes) -> None:
        """Nothing: nodes are not watched."""


class TypesTarget:
    """The instancetypes of the informer, which are only listed now and then."""

    def __init__(self, informer: ClusterInformer) -> None:
        self._informer = informer

    def relist(self, client: Client) -> str:
        """List both kinds anew."""
        self._informer.list_types(client)
        return LISTED

    def event(self, kind: str, body: bytes) -> None:
        """Nothing: instancetypes are not watched."""
