"""WorkQueue: the queue of object keys of a simulated controller, as in client-go.

A queued key is not queued twice. If a key is added again with another delay, the earlier time
counts.

Source: kubernetes client-go util/workqueue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from reconciler.simulator.engine import Engine

K = TypeVar("K", bound="Hashable")


class WorkQueue(Generic[K]):
    """The object keys that a simulated controller must reconcile; each key is queued only once."""

    def __init__(
        self, engine: Engine, reconcile: Callable[[K], None], *, latency_s: tuple[float, float]
    ) -> None:
        self._engine = engine
        self._reconcile = reconcile
        self._latency_s = latency_s
        self._due: dict[K, float] = {}

    def add(self, key: K) -> None:
        """Queues an object key after the usual latency of the controller.

        The latency covers the informer, the queue and the worker.
        """
        self.add_after(key, self._engine.between(*self._latency_s))

    def add_after(self, key: K, delay_s: float) -> None:
        """Queues an object key to be due after a delay, unless the key is already due earlier."""
        due = self._engine.clock.monotonic() + delay_s
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._engine.at(delay_s, lambda: self._run(key, due))

    def _run(self, key: K, due: float) -> None:
        if self._due.get(key) != due:
            return
        del self._due[key]
        self._reconcile(key)
