"""What the feed's followers list and watch, and how it gets into the feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reconciler.cluster.read.cluster_reader import list_all, list_nodes

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable
    from reconciler.cluster.informer.informer import ClusterFeed
    from reconciler.cluster.informer.store import Rows

V = TypeVar("V")

LISTED = "listed"
"""Stands for a version where lists of several kinds have none in common."""


class KindTarget(Generic[V]):
    """One kind of the feed; implements ``follower.Target``."""

    def __init__(
        self, feed: ClusterFeed, path: str, kind: Readable[V], rows: Rows[V, Any]
    ) -> None:
        self.path = path
        self._feed = feed
        self._kind = kind
        self._rows = rows

    def relist(self, client: Client) -> str:
        """List everything anew; the version after which a watch goes on."""
        listed = list_all(client, self.path, self._kind)
        self._feed.change(lambda: self._rows.replace(listed.values, listed.diagnostics))
        return listed.resource_version

    def event(self, kind: str, body: bytes) -> None:
        """Take in one event; decoding happens before anybody is kept waiting."""
        ref = self._kind.ref(body)
        if kind == "DELETED":
            self._feed.change(lambda: self._rows.drop(ref))
            return
        decoded = self._kind.take(body)
        self._feed.change(lambda: self._rows.take(ref, decoded))


class NodeTarget:
    """The nodes of the feed, which are only listed now and then."""

    def __init__(self, feed: ClusterFeed) -> None:
        self._feed = feed

    def relist(self, client: Client) -> str:
        """List the nodes anew."""
        listed = list_nodes(client)
        self._feed.take_nodes(listed)
        return listed.resource_version

    def event(self, kind: str, body: bytes) -> None:
        """Nothing: nodes are not watched."""


class TypesTarget:
    """The instancetypes of the feed, which are only listed now and then."""

    def __init__(self, feed: ClusterFeed) -> None:
        self._feed = feed

    def relist(self, client: Client) -> str:
        """List both kinds anew."""
        self._feed.list_types(client)
        return LISTED

    def event(self, kind: str, body: bytes) -> None:
        """Nothing: instancetypes are not watched."""
