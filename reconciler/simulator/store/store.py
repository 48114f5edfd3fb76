"""Store: stores the objects of the simulated cluster, with optimistic concurrency control.

The store also handles finalizers, and sends each change to its subscribers as an event.
"""

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
"""The first resourceVersion; above 1, because a real API server has compacted version 1."""


class Store:
    """All objects of the simulated cluster, stored as encoded bytes.

    Every public method acquires `lock`. A caller that reads and then writes must hold the lock
    during both operations. Subscribers run with the lock held, after the commit, in the order of
    the commits.
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
        """Returns the encoded object with a key, or None if the object does not exist."""
        with self.lock:
            return self._objects[key.resource].bodies.get(key.path)

    def get(self, key: Key) -> Json | None:
        """Returns a decoded copy of the object with a key, or None if it does not exist."""
        body = self.raw(key)
        return None if body is None else json_codec.decode(body)

    def keys(self, resource: str, namespace: str | None = None) -> Iterator[Key]:
        """Yields the keys of all objects of an API resource in list order."""
        with self.lock:
            paths = self._objects[resource].paths(namespace)
        return (_key(resource, path) for path in paths)

    def list(self, resource: str, namespace: str | None = None) -> list[Json]:
        """Returns all decoded objects of an API resource in list order."""
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
        """Returns one page of a list of encoded objects.

        `EncodedObjects.page` explains the parameters. The newest resourceVersion is read if
        `revision` is None.

        Raises:
            ExpiredError: The history no longer contains the resourceVersion.
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
        """Returns the changes to objects of an API resource after a resourceVersion, oldest first.

        Raises:
            ExpiredError: Some of the changes were compacted.
        """
        with self.lock:
            return self._history.since(rv, resource, namespace)

    def dependents(self, uid: str) -> tuple[Key, ...]:
        """Returns the keys of the objects whose ownerReferences contain a UID."""
        with self.lock:
            return self._owners.dependents(uid)

    # Writing

    def create(
        self, key: Key, obj: Json, *, manager: str | None = None, dry_run: bool = False
    ) -> Json:
        """Creates an object, and returns the stored object.

        The store sets uid, resourceVersion, creationTimestamp and, for kinds that have one,
        generation. With `manager`, managedFields record that this manager owns the fields of
        `obj`.

        Raises:
            AlreadyExistsError: An object with this key exists.
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
        """Replaces an object, and returns the stored object.

        With `status`, only the status is written. Without it, the whole object is written, except
        for its status if the kind has a status subresource. A write without a change does not
        create a resourceVersion or an event. A write that removes the last finalizer from an
        object that is marked for deletion removes the object.

        Raises:
            NotFoundError: The object does not exist.
            ConflictError: The resourceVersion or uid of `obj` differs from the stored object.
        """
        resource = api_resources.stored(key.resource)
        if status and not resource.status:
            raise ValueError(
                f"{key.resource} has no status subresource; write the status with the whole object"
            )
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
        """Changes a stored object with a function; returns None if the object is absent."""
        with self.lock:
            obj = self.get(key)
            if obj is None:
                return None
            change(obj)
            return self.update(key, obj, status=status, manager=manager)

    def delete(self, key: Key, *, uid: str | None = None) -> Json | None:
        """Deletes an object, or marks it for deletion if it has finalizers.

        Dependents without another owner are also deleted.

        Returns:
            The last state of the object, or the object marked for deletion, or None if it is
            absent.

        Raises:
            ConflictError: The uid of the stored object is not `uid`.
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
        """Registers a callback for all object changes; returns a function to unregister it."""
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
        """Records in managedFields which fields of an object a field manager has changed."""
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
