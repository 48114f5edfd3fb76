"""StoreError: the errors of rejected writes to the store of the simulated API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.simulator.store.history import Key


class StoreError(Exception):
    """Raised if the object store rejects a write."""

    def __init__(self, key: Key, problem: str) -> None:
        super().__init__(f"{key.resource} {key.path!r} {problem}")
        self.key = key


class AlreadyExistsError(StoreError):
    """Raised if a write would create an object with a key that already exists."""

    def __init__(self, key: Key) -> None:
        super().__init__(key, "already exists")


class NotFoundError(StoreError):
    """Raised if a write would change an object that does not exist."""

    def __init__(self, key: Key) -> None:
        super().__init__(key, "not found")


class ConflictError(StoreError):
    """Raised if the uid or the resourceVersion in a write differs from the stored object."""

    def __init__(self, key: Key, precondition: str = "") -> None:
        super().__init__(key, f"has changed: {precondition or 'read the object again'}")
        self.precondition = precondition
        """The error message if the uid differs, or '' if the resourceVersion differs instead."""
