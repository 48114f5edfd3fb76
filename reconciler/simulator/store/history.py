"""History: the log of committed changes, from which watches and older list pages are served."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an object in the store."""

    resource: str
    """The plural and the group, `virtualmachines.kubevirt.io`; a core resource is just `nodes`."""
    namespace: str
    """The namespace; empty for cluster-scoped objects."""
    name: str

    @property
    def path(self) -> str:
        """`namespace/name`, or the name alone; its byte order is the server's list order."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEvent:
    """One committed change."""

    type: str
    """The type: ADDED, MODIFIED or DELETED."""
    key: Key
    rv: int
    body: bytes
    """The encoded object after the change; for DELETED, the last state, with this revision."""
    previous: bytes | None
    """The encoded object before the change; None for ADDED."""


class ExpiredError(Exception):
    """The requested revision is compacted."""

    def __init__(self, revision: int, compacted: int) -> None:
        super().__init__(f"revision {revision} was compacted; the oldest kept is {compacted}")
        self.revision = revision
        self.compacted = compacted


class History:
    """The newest `capacity` changes; `compacted` is the oldest readable revision."""

    def __init__(self, *, capacity: int, start: int) -> None:
        self._events: deque[StoreEvent] = deque()
        self._capacity = capacity
        self.compacted = start

    def append(self, event: StoreEvent) -> None:
        """Appends a change, and removes the oldest one beyond the capacity."""
        self._events.append(event)
        if len(self._events) > self._capacity:
            self.compacted = self._events.popleft().rv

    def compact(self, revision: int) -> None:
        """Removes the changes up to and including `revision`."""
        while self._events and self._events[0].rv <= revision:
            self._events.popleft()
        self.compacted = max(self.compacted, revision)

    def since(self, revision: int, resource: str, namespace: str | None) -> list[StoreEvent]:
        """Returns the changes of a resource after `revision`, oldest first.

        Raises:
            ExpiredError: Some of them are compacted.
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
        """Returns the objects that changed since `revision`, as they were (None: absent).

        Raises:
            ExpiredError: Some of the changes are compacted.
        """
        then: dict[str, bytes | None] = {}
        for event in self.since(revision, resource, namespace):
            then.setdefault(event.key.path, event.previous)
        return then
