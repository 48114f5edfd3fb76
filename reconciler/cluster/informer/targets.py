"""``KindTarget``, ``PolledTarget``: receive the objects that a reflector lists and watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reconciler.cluster.read.lists import list_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable
    from reconciler.cluster.informer.store import Store
    from reconciler.cluster.read.lists import Listed

V = TypeVar("V")


class KindTarget(Generic[V]):
    """A ``reflector.Target`` that updates the store of one kind from lists and watch events.

    Args:
        path: The API path of the collection.
        change: Calls a function while holding the stores' lock, and reports the change.
        list_objects: Lists the objects; the default is for KubeVirt kinds.
    """

    def __init__(
        self,
        path: str,
        kind: Readable[V],
        store: Store[V, Any],
        change: Callable[[Callable[[], None]], None],
        list_objects: Callable[[Client, str, Readable[V]], Listed[V]] = list_all,
    ) -> None:
        self.path = path
        self._kind = kind
        self.store = store
        self._change = change
        self._list = list_objects

    def relist(self, client: Client) -> str:
        """List all objects again, and return the resourceVersion from which to watch."""
        listed = self._list(client, self.path, self._kind)
        self._change(lambda: self.store.replace(listed.values, listed.diagnostics))
        return listed.resource_version

    def event(self, kind: str, body: bytes) -> None:
        """Decode the object of a watch event, and update the store."""
        ref = self._kind.ref(body)
        if kind == "DELETED":
            self._change(lambda: self.store.drop(ref))
            return
        decoded = self._kind.take(body)
        self._change(lambda: self.store.take(ref, decoded))


class PolledTarget:
    """A ``reflector.Target`` that lists objects at intervals instead of watching them."""

    def __init__(self, relist: Callable[[Client], str]) -> None:
        self._relist = relist

    def relist(self, client: Client) -> str:
        """List all polled objects again, and return a placeholder for the resourceVersion."""
        return self._relist(client)

    def event(self, kind: str, body: bytes) -> None:
        """Ignore a watch event, since polled objects are not watched."""
