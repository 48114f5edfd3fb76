"""``ViewStore``: keeps the newest state of the ``serve`` process, and notifies subscribers."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.service.view import ServiceView
    from reconciler.ports import Clock


class ViewStore:
    """Holds the newest state of the ``serve`` process; all methods are thread-safe."""

    def __init__(self, view: ServiceView, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._view, self._version = view, 0
        self._subscribers: dict[int, Callable[[], None]] = {}
        self._next_id = 0

    def read(self) -> tuple[int, ServiceView]:
        """Return the newest state and its version number, which increases with each change."""
        with self._lock:
            return self._version, self._view

    def update(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of ServiceView
        """Replace fields of the state, and call all subscribers."""
        with self._lock:
            self._view = replace(self._view, at=self._clock.now(), **changes)
            self._version += 1
            subscribers = tuple(self._subscribers.values())
        for each in subscribers:
            each()

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call *changed* after each change, in the thread that made the change.

        *changed* must return quickly.

        Returns:
            A function that ends the subscription.
        """
        with self._lock:
            number, self._next_id = self._next_id, self._next_id + 1
            self._subscribers[number] = changed

        def end() -> None:
            with self._lock:
                self._subscribers.pop(number, None)

        return end
