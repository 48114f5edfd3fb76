"""Store: encoded objects, optimistic concurrency, finalizers, ordered change events."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from reconciler.simulator.clock import rfc3339
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.store import api_resources, managed_fields, object_meta
from reconciler.simulator.store.encoded_objects import EncodedObjects
from reconciler.simulator.store.history import History, Key, StoreEvent
from reconciler.simulator.store.owner_references import OwnerIndex
from reconciler.simulator.store.store_errors import AlreadyExistsError, NotFoundError
from reconciler.simulator.store.subscribers import Subscribers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.simulator.clock import SimClock
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource
    from reconciler.simulator.store.encoded_objects import Page
    from reconciler.simulator.store.subscribers import Subscriber

_FIRST_REVISION: Final = 1000
"""On a real server, the first objects create revisions, too; revision 1 is compacted on both."""


class Store:
    """All objects of the simulated cluster, kept as encoded bytes.

    Every public method takes `lock`; a caller that reads and writes in one step holds it for both.
    Subscribers run inside the lock, after the commit, in commit order.
    """

    def __init__(self, clock: SimClock, *, seed: int = 0, history: int = 10_000) -> None:
        self.lock: Final = threading.RLock()
        self.clock: Final = clock
        self.rv = _FIRST_REVISION
        self._objects: dict[str, EncodedObjects] = defaultdict(EncodedObjects)
        self._history = History(capacity=history, start=_FIRST_REVISION)
        self.ids: Final = object_meta.IdGenerator(seed)
        self._owners = OwnerIndex()
        self._subscribers = Subscribers()

    # Reading

    def raw(self, key: Key) -> bytes | None:
        """Returns the encoded object; None if it is absent."""
        with self.lock:
            return self._objects[key.resource].bodies.get(key.path)

    def get(self, key: Key) -> Json | None:
        """Returns the decoded object, which the caller may edit; None if it is absent."""
        body = self.raw(key)
        return None if body is None else json_codec.decode(body)

    def keys(self, resource: str, namespace: str | None = None) -> Iterator[Key]:
        """Yields the current keys of a resource in list order."""
        with self.lock:
            paths = self._objects[resource].paths(namespace)
        return (_key(resource, path) for path in paths)

    def list(self, resource: str, namespace: str | None = None) -> list[Json]:
        """Returns the decoded objects of a resource in list order."""
        with self.lock:
            shelf = self._objects[resource]
            return [json_codec.decode(shelf.bodies[path]) for path in shelf.paths(namespace)]

    def page(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        after: str = "",
        limit: int = 0,
        revision: int | None = None,
    ) -> Page:
        """Returns one page of encoded objects.

        Args:
            resource: The storage key of the resource.
            namespace: Only objects in it; None for all.
            after: The path of the last object of the previous page; empty for the first page.
            limit: The most objects on the page; 0 for all.
            revision: The revision to read; None for the newest.

        Raises:
            ExpiredError: That revision is compacted.
        """
        with self.lock:
            at = self.rv if revision is None else revision
            return self._objects[resource].page(
                namespace,
                after=after,
                limit=limit,
                revision=at,
                earlier={} if at == self.rv else self._history.at(at, resource, namespace),
            )

    def events_since(
        self, rv: int, resource: str, namespace: str | None = None
    ) -> Sequence[StoreEvent]:
        """Returns a resource's changes after revision `rv`, oldest first.

        Raises:
            ExpiredError: Some of them are compacted.
        """
        with self.lock:
            return self._history.since(rv, resource, namespace)

    def compact(self, rv: int) -> None:
        """Compacts changes up to `rv`: older watches and list pages get a 410 from now on."""
        with self.lock:
            self._history.compact(rv)

    def dependents(self, uid: str) -> tuple[Key, ...]:
        """Returns the objects that name `uid` as an owner."""
        with self.lock:
            return self._owners.dependents(uid)

    # Writing

    def create(
        self, key: Key, obj: Json, *, manager: str | None = None, dry_run: bool = False
    ) -> Json:
        """Stores a new object and returns it as stored.

        Sets uid, resourceVersion, creationTimestamp, and generation for kinds that have it. With
        `manager`, the fields of `obj` are recorded as owned by that manager.

        Raises:
            AlreadyExistsError: The key is taken.
        """
        resource = api_resources.stored(key.resource)
        with self.lock:
            if self.raw(key) is not None:
                raise AlreadyExistsError(key)
            meta = dict(obj.get("metadata") or {})
            new = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
            new["metadata"] = meta
            meta["name"] = key.name
            if key.namespace:
                meta["namespace"] = key.namespace
            meta["uid"] = self.ids.uid()
            meta["creationTimestamp"] = rfc3339(self.clock.now())
            meta.pop("resourceVersion", None)
            if resource.generation:
                meta["generation"] = 1
            if manager is not None:
                self._own({}, new, resource, manager)
            return new if dry_run else self._commit("ADDED", key, new, None)

    def update(
        self,
        key: Key,
        obj: Json,
        *,
        status: bool = False,
        manager: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Replaces an object and returns it as stored.

        With `status`, only the status is written; without it, everything else, and for kinds
        without a status subresource, everything. A write that changes nothing creates no revision
        and no event. A write that removes the last finalizer of an object under deletion removes
        the object.

        Raises:
            NotFoundError: There is no such object.
            ConflictError: `obj` has another resourceVersion or uid than the stored object.
        """
        resource = api_resources.stored(key.resource)
        if status and not resource.status:
            raise ValueError(f"{key.resource} has no status subresource; update the object itself")
        with self.lock:
            body = self.raw(key)
            if body is None:
                raise NotFoundError(key)
            stored = json_codec.decode(body)
            object_meta.check_preconditions(key, stored, obj.get("metadata", {}))
            new = object_meta.merge(resource, stored, obj, status=status)
            if manager is not None:
                self._own(stored, new, resource, manager, subresource="status" if status else "")
            object_meta.count_generation(resource, stored, new)
            if dry_run or json_codec.encode(new) == body:
                return new
            meta = new["metadata"]
            if meta.get("deletionTimestamp") and not meta.get("finalizers"):
                return self._remove(key, new, body)
            return self._commit("MODIFIED", key, new, body)

    def mutate(
        self,
        key: Key,
        change: Callable[[Json], None],
        *,
        status: bool = False,
        manager: str | None = None,
    ) -> Json | None:
        """Lets `change` edit an object in place, and stores it; returns None if it is absent."""
        with self.lock:
            obj = self.get(key)
            if obj is None:
                return None
            change(obj)
            return self.update(key, obj, status=status, manager=manager)

    def delete(self, key: Key, *, uid: str | None = None) -> Json | None:
        """Deletes an object; with finalizers, only marks it for deletion.

        Dependents without another owner are deleted with it.

        Returns:
            The object in its last state, or marked for deletion; None if it is absent.

        Raises:
            ConflictError: The stored object has another uid than `uid`.
        """
        with self.lock:
            body = self.raw(key)
            if body is None:
                return None
            stored = json_codec.decode(body)
            meta = stored["metadata"]
            if uid is not None:
                object_meta.check_preconditions(key, stored, {"uid": uid})
            if not meta.get("finalizers"):
                return self._remove(key, stored, body)
            if meta.get("deletionTimestamp"):
                return stored
            meta["deletionTimestamp"] = rfc3339(self.clock.now())
            meta["deletionGracePeriodSeconds"] = 0
            if "generation" in meta:
                meta["generation"] += 1
            return self._commit("MODIFIED", key, stored, body)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Calls `callback` after each commit, in order; returns a function that ends it."""
        with self.lock:
            self._subscribers.add(callback)

        def unsubscribe() -> None:
            with self.lock:
                self._subscribers.remove(callback)

        return unsubscribe

    # Internals

    def _own(
        self, live: Json, new: Json, resource: Resource, manager: str, subresource: str = ""
    ) -> None:
        """Records in `new` which fields `manager` owns after it wrote `new` over `live`."""
        meta = new["metadata"]
        meta["managedFields"] = managed_fields.after_update(
            live,
            new,
            live.get("metadata", {}).get("managedFields", []),
            resource,
            manager=manager,
            time=rfc3339(self.clock.now()),
            subresource=subresource,
        )
        if not meta["managedFields"]:
            del meta["managedFields"]

    def _commit(self, kind: str, key: Key, new: Json, previous: bytes | None) -> Json:
        self.rv += 1
        new["metadata"]["resourceVersion"] = str(self.rv)
        body = json_codec.encode(new)
        if kind == "DELETED":
            self._objects[key.resource].remove(key.path)
        else:
            self._objects[key.resource].put(key.path, body)
            self._owners.record(key, new)
        event = StoreEvent(type=kind, key=key, rv=self.rv, body=body, previous=previous)
        self._history.append(event)
        self._subscribers.deliver(event)
        return new

    def _remove(self, key: Key, last: Json, body: bytes) -> Json:
        orphans = self._owners.forget(key)
        self._commit("DELETED", key, last, body)
        for orphan in orphans:
            self.delete(orphan)
        return last


def _key(resource: str, path: str) -> Key:
    namespace, _, name = path.rpartition("/")
    return Key(resource, namespace, name)
