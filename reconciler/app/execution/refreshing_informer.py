"""``RefreshingInformer``: lets the process plan and show its state while a run is active."""

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
    """Implements ``Informer`` with another informer, and calls a function after each wait."""

    def __init__(self, inner: Informer, refresh: Callable[[], None]) -> None:
        self._inner, self._refresh = inner, refresh

    def read(self) -> LiveState:
        """Return the newest snapshot."""
        return self._inner.read()

    def capacity(self) -> Capacity | None:
        """Read pods and quotas now."""
        return self._inner.capacity()

    def wait(self, timeout_s: float) -> LiveState:
        """Wait for a change or for the end of the time-out, and return the newest snapshot."""
        live = self._inner.wait(timeout_s)
        self._refresh()
        return live

    def outage(self) -> tuple[datetime, ClusterError] | None:
        """Return since when reads have failed, and the last error."""
        return self._inner.outage()

    def refresh_capacity(self, wait_s: float = 0.0) -> Capacity | None:
        """Start to read pods and quotas for later snapshots; return the newest ones."""
        return self._inner.refresh_capacity(wait_s)
