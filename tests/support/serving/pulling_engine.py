"""``PullingEngine``: an engine that reads its repository on demand, without another thread."""

from __future__ import annotations

from reconciler.app.read_and_plan import read_valid
from reconciler.serve.loop.engine import Engine


class PullingEngine(Engine):
    """Plans for the newest commit that ``pull`` has read."""

    def __init__(self, reader, informer, clock, policy_of) -> None:
        super().__init__(informer, clock, policy_of)
        self._reader = reader
        self.pull()

    def pull(self) -> None:
        """Read the desired state, and use it for all later plans."""
        self.use(read_valid(self._reader))
