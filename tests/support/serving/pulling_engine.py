"""``PullingEngine``: a ``serve`` engine that polls Git on demand instead of in a thread."""

from __future__ import annotations

from reconciler.app.read_and_plan import read_valid
from reconciler.prometheus.no_prometheus import NoPrometheus
from reconciler.serve.loop.engine import Engine


class PullingEngine(Engine):
    """Plans the newest commit that an earlier ``pull`` call read."""

    def __init__(self, reader, informer, clock, policy_of) -> None:
        super().__init__(informer, clock, policy_of, NoPrometheus(clock))
        self._reader = reader
        self.pull()

    def pull(self) -> None:
        """Read the desired state from Git, and use it for all later plans."""
        self.use(read_valid(self._reader))
