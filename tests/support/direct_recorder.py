"""Sends Events immediately, without the queue of a run: ``DirectRecorder``."""

from __future__ import annotations

from reconciler.cluster.write.events import ClusterRecorder


class DirectRecorder(ClusterRecorder):
    """Sends each Event and waits for the response."""

    def record(self, ref, uid, *, reason, message, warning=False) -> None:
        self.send(self.event(ref, uid, reason=reason, message=message, warning=warning))
