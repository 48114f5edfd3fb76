"""OwnerIndex: indexes objects by their ownerReferences, for garbage collection."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.history import Key


class OwnerIndex:
    """An index from the UID of an owner to the objects that it owns."""

    def __init__(self) -> None:
        self._dependents: dict[str, set[Key]] = defaultdict(set)
        self._owners: dict[Key, tuple[str, ...]] = {}
        self._alive: dict[Key, str] = {}
        self._uids: set[str] = set()

    def record(self, key: Key, obj: Json) -> None:
        """Adds or updates the UID and the ownerReferences of an object in the index."""
        uid = obj["metadata"]["uid"]
        self._alive[key] = uid
        self._uids.add(uid)
        owners = tuple(ref["uid"] for ref in obj["metadata"].get("ownerReferences", ()))
        earlier = self._owners.get(key, ())
        if owners == earlier:
            return
        self._unlink(key, earlier)
        if owners:
            self._owners[key] = owners
        for owner in owners:
            self._dependents[owner].add(key)

    def forget(self, key: Key) -> tuple[Key, ...]:
        """Removes an object from the index.

        Returns:
            The dependents without any remaining owner, in list order.
        """
        uid = self._alive.pop(key)
        self._uids.discard(uid)
        self._unlink(key, self._owners.get(key, ()))
        dependents = self._dependents.get(uid, ())
        orphans = [k for k in dependents if not self._uids.intersection(self._owners[k])]
        return tuple(sorted(orphans, key=lambda k: (k.resource, k.path)))

    def dependents(self, uid: str) -> tuple[Key, ...]:
        """Returns the keys of the objects whose ownerReferences contain a UID, in list order."""
        return tuple(sorted(self._dependents.get(uid, ()), key=lambda k: (k.resource, k.path)))

    def _unlink(self, key: Key, owners: tuple[str, ...]) -> None:
        self._owners.pop(key, None)
        for owner in owners:
            self._dependents[owner].discard(key)
            if not self._dependents[owner]:
                del self._dependents[owner]
