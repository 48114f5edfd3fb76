"""StoreError: the errors with which the store rejects writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.simulator.store.history import Key


class StoreError(Exception):
    """The store rejected a write to an object."""

    def __init__(self, key: Key, problem: str) -> None:
        super().__init__(f"{key.resource} {key.path!r} {problem}")
        self.key = key


class AlreadyExistsError(StoreError):
    """The write creates an object with a key that already exists."""

    def __init__(self, key: Key) -> None:
        super().__init__(key, "already exists")


class NotFoundError(StoreError):
    """The write changes an object that does not exist."""

    def __init__(self, key: Key) -> None:
        super().__init__(key, "not found")


class ConflictError(StoreError):
    """The write expects another uid or resourceVersion than the stored object has."""

    def __init__(self, key: Key, precondition: str = "") -> None:
        super().__init__(key, f"has changed: {precondition or 'read the object again'}")
        self.precondition = precondition
        """The uid or resourceVersion precondition that failed; empty if the write is stale."""
