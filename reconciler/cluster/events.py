"""Leaves Events on VMs and the KubeVirt CR, for people who look at the object."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.errors import ClusterError
from reconciler.model.refs import ObjectRef

from . import paths

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.ports import Clock

    from .client import Client

log = logging.getLogger(__name__)

CONTROLLER = "reconciler"
_ACTION = "Reconcile"
REVISION = "memory.reconciler.dev/revision"
"""Annotation of an Event: the commit that was being carried out."""
_MAX_INSTANCE = 128
_MAX_NOTE = 1024
_MAX_REASON = 128
_MAX_PREFIX = 200
_LIMIT_S = 2.0
"""The longest to wait for one."""
_PAUSE_S = 60.0
"""After a failure none is tried for so long, on the run's clock."""


def micro_time(at: datetime) -> str:
    """*at* as a MicroTime, which always has six digits: ``2026-11-23T00:48:52.000000Z``."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be left on one object."""

    ref: ObjectRef
    body: Mapping[str, Any]


class ClusterRecorder:
    """Makes and sends Events, ``events.k8s.io/v1``; safe to use from several threads.

    A run's are queued: see ``event_queue``.

    Args:
        instance: What names this run, such as pod and process; at most 128 characters are sent.
        revision: The commit that the run carries out.
    """

    def __init__(self, client: Client, *, clock: Clock, instance: str, revision: str) -> None:
        # A server that is short of breath gets the next Event later, and this one not again.
        self._client = client.hasty()
        self._clock = clock
        self._instance = instance[:_MAX_INSTANCE]
        self._revision = revision
        self._lock = threading.Lock()
        self._failed = False
        self._not_before = 0.0

    def record(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> None:
        """Leave one Event of what happens now, and wait for the answer."""
        self.leave(self.made(ref, uid, reason=reason, message=message, warning=warning))

    def made(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> Event:
        """An Event of what happens now, not left yet.

        Args:
            ref: The KubeVirt CR or the VM that the Event is about.
            uid: Its uid, by which ``kubectl describe`` finds the Event.
            reason: Stable, in CamelCase.
            message: At most 1024 characters are sent.
            warning: Whether its type is Warning rather than Normal.
        """
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "generateName": f"{ref.name[:_MAX_PREFIX]}.",
                "namespace": ref.namespace,
                "annotations": {REVISION: self._revision},
            },
            "eventTime": micro_time(self._clock.now()),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": _ACTION,
            "reason": reason[:_MAX_REASON],
            "regarding": {
                "apiVersion": f"{ref.group}/v1",
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": uid,
            },
            "note": message if len(message) <= _MAX_NOTE else message[: _MAX_NOTE - 1] + "…",
            "type": "Warning" if warning else "Normal",
        }
        return Event(ref, body)

    def leave(self, event: Event) -> bool:
        """Send *event*, once; whether the server took it.

        The first failure is logged at warning, the others at debug, and none changes anything
        else. After a failure the next Events are left out, for a minute.
        """
        if self._clock.monotonic() < self._not_before:
            return False
        path = paths.collection("events", event.ref.namespace, paths.EVENTS_API)
        try:
            self._client.send("POST", path, body=event.body, timeout_s=_LIMIT_S)
        except ClusterError as error:
            with self._lock:
                level = logging.DEBUG if self._failed else logging.WARNING
                self._failed = True
                self._not_before = self._clock.monotonic() + _PAUSE_S
            log.log(level, "events are not recorded: %s", error, extra={"ref": str(event.ref)})
            return False
        return True
