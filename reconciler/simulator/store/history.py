"""History: stores the latest changes, for watches and for later pages of lists."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an object in the store of the simulated API server."""

    resource: str
    """The plural name and API group, such as `virtualmachines.kubevirt.io`, or `nodes` (core)."""
    namespace: str
    """The namespace of the object, or an empty string for a cluster-scoped object."""
    name: str

    @property
    def path(self) -> str:
        """The path by which lists are sorted: `namespace/name`, or `name` if cluster-scoped."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEvent:
    """A change to one object in the store of the simulated API server."""

    type: str
    """The type of the change: ADDED, MODIFIED or DELETED."""
    key: Key
    rv: int
    body: bytes
    """The encoded object after the change.

    For DELETED, the body is the last state of the object with a new resourceVersion.
    """
    previous: bytes | None
    """The encoded object before the change, or None for ADDED."""


class ExpiredError(Exception):
    """Raised if a requested resourceVersion is older than the oldest change in the history."""

    def __init__(self, revision: int, compacted: int) -> None:
        super().__init__(
            f"revision {revision} was compacted; the oldest available one is {compacted}"
        )
        self.revision = revision
        self.compacted = compacted


class History:
    """The latest changes to all stored objects, up to a maximum number of changes."""

    def __init__(self, *, capacity: int, start: int) -> None:
        self._events: deque[StoreEvent] = deque()
        self._capacity = capacity
        self.compacted = start

    def append(self, event: StoreEvent) -> None:
        """Appends a change, and removes the oldest change when the history is full."""
        self._events.append(event)
        if len(self._events) > self._capacity:
            self.compacted = self._events.popleft().rv

    def since(self, revision: int, resource: str, namespace: str | None) -> list[StoreEvent]:
        """Returns the changes to objects of an API resource after a resourceVersion, oldest first.

        Raises:
            ExpiredError: Some of the changes were compacted.
        """
        if revision < self.compacted:
            raise ExpiredError(revision, self.compacted)
        found: list[StoreEvent] = []
        for event in reversed(self._events):
            if event.rv <= revision:
                break
            if event.key.resource == resource and namespace in {None, event.key.namespace}:
                found.append(event)
        found.reverse()
        return found

    def at(self, revision: int, resource: str, namespace: str | None) -> dict[str, bytes | None]:
        """Returns the encoded state, at a resourceVersion, of all objects that changed later.

        The keys are object paths. A value is None if the object did not exist.

        Raises:
            ExpiredError: Some of the changes were compacted.
        """
        then: dict[str, bytes | None] = {}
        for event in self.since(revision, resource, namespace):
            then.setdefault(event.key.path, event.previous)
        return then
