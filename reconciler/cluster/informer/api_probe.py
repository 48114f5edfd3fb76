"""``ApiProbe``: detects within seconds that the API server does not respond.

On an open watch, a server that no longer responds looks like a cluster without changes until the
watch ends after a minute. The probe therefore sends a small request at intervals.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from reconciler.errors import ClusterError, UnreachableError
from reconciler.worker_thread import WorkerThread

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cluster.api.client import Client
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

INTERVAL_S = 10.0
"""The pause between two requests to the API server, in seconds of real time."""
TIMEOUT_S = 5.0
"""The timeout of a request to the API server, in seconds."""
_PATH = "/version"
"""An API path that every authenticated client can read.

Source: kubernetes v1.36 plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go
(ClusterRole system:public-info-viewer).
"""


class ApiProbe:
    """A daemon thread that requests the version of the API server at intervals.

    Use it in a ``with`` block.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client.without_retries(), clock
        self._worker = WorkerThread("api probe", self._run)
        self.failing: tuple[datetime, ClusterError] | None = None
        """When the API server stopped responding, and the last error; None while it responds.

        The probe thread replaces this value, and other threads read it.
        """

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Tell the probe thread to stop, without waiting for a request in progress."""
        self._worker.end()

    def step(self) -> None:
        """Send one request to the API server; any response counts as success, even an error."""
        began = self._clock.now()
        try:
            self._client.get(_PATH, timeout_s=TIMEOUT_S)
        except UnreachableError as error:
            since = began if self.failing is None else self.failing[0]
            self.failing = (since, error)
        except ClusterError:
            self.failing = None
        else:
            self.failing = None

    def _run(self) -> None:
        self._worker.pause(INTERVAL_S)
        while not self._worker.ending:
            try:
                self.step()
            except Exception:
                # The informer notices the outage as well, though later.
                log.exception(
                    "the thread that probes the API server failed because of a bug in reconciler"
                )
            self._worker.pause(INTERVAL_S)
