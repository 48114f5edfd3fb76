"""``RefreshingInformer``: lets ``serve`` plan and show its state while a run waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.errors import ClusterError
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState
    from reconciler.ports import Informer


class RefreshingInformer:
    """Wraps an informer, and calls a given function after each wait."""

    def __init__(self, inner: Informer, refresh: Callable[[], None]) -> None:
        self._inner, self._refresh = inner, refresh

    def read(self) -> LiveState:
        """Return the newest snapshot of the cluster."""
        return self._inner.read()

    def capacity(self) -> Capacity | None:
        """List pods and quotas now, and return the capacity."""
        return self._inner.capacity()

    def wait(self, timeout_s: float) -> LiveState:
        """Wait for a change in the cluster or a timeout, and return the newest snapshot."""
        live = self._inner.wait(timeout_s)
        self._refresh()
        return live

    def outage(self) -> tuple[datetime, ClusterError] | None:
        """Return when reads started to fail and the last error, or None if reads succeed."""
        return self._inner.outage()

    def refresh_capacity(self, wait_s: float = 0.0) -> Capacity | None:
        """Start to list pods and quotas in the background, and return the newest capacity."""
        return self._inner.refresh_capacity(wait_s)
