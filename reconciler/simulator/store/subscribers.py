"""Subscribers: after each change, calls the components that watch the object store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from reconciler.simulator.store.history import StoreEvent

Subscriber: TypeAlias = Callable[[StoreEvent], None]


class Subscribers:
    """Calls each subscriber for each change in the object store, in the order of the changes."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._undelivered: deque[StoreEvent] = deque()
        self._delivering = False

    def add(self, subscriber: Subscriber) -> None:
        """Adds a subscriber, which receives all later changes to stored objects."""
        self._subscribers.append(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Removes a subscriber if it is registered."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def deliver(self, event: StoreEvent) -> None:
        """Passes a change to a stored object on to all subscribers.

        A subscriber can write to the store. The resulting change is delivered after every
        subscriber has received the current change.
        """
        self._undelivered.append(event)
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._undelivered:
                event = self._undelivered.popleft()
                for subscriber in tuple(self._subscribers):
                    subscriber(event)
        finally:
            self._delivering = False
