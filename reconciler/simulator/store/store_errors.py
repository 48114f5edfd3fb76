"""Why the store refuses a write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.simulator.store.history import Key


class StoreError(Exception):
    """A write that the store refuses; `key` says for which object."""

    def __init__(self, key: Key, problem: str) -> None:
        super().__init__(f"{key.resource} {key.path!r} {problem}")
        self.key = key


class AlreadyExistsError(StoreError):
    """An object of this key is stored already."""

    def __init__(self, key: Key) -> None:
        super().__init__(key, "already exists")


class NotFoundError(StoreError):
    """No object of this key is stored."""

    def __init__(self, key: Key) -> None:
        super().__init__(key, "not found")


class ConflictError(StoreError):
    """The stored object is not the one that the caller means to change."""

    def __init__(self, key: Key, precondition: str = "") -> None:
        super().__init__(key, f"has changed: {precondition or 'read it again'}")
        self.precondition = precondition
        """Which uid or resourceVersion precondition failed; empty for a stale write."""
