"""``ClusterRecorder``: records Kubernetes Events on VMs and on the KubeVirt CR."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.micro_time import micro_time
from reconciler.errors import ClusterError
from reconciler.escaping import printable
from reconciler.model.annotations import REVISION
from reconciler.model.references import ObjectRef

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

CONTROLLER = "reconciler"
_ACTION = "Reconcile"
"""The value of the field ``action`` in every Event."""
_MAX_INSTANCE = 128
_MAX_NOTE = 1024
_MAX_REASON = 128
_MAX_NAME = 253
"""The maximum length of the name of an Event (a DNS subdomain), in characters.

The other limits are in bytes of UTF-8, although the server's messages mention characters.

Source: kube-apiserver v1.36 pkg/apis/core/validation/events.go (legacyValidateEvent).
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIMIT_S = 2.0
"""The timeout of a request that records an Event, in seconds."""
_PAUSE_S = 60.0
"""How long Events are dropped after a failed request, in seconds of the run's clock."""


def event_name(name: str, at_ns: int) -> str:
    """Build a name for an Event from the name of its object and the time.

    *at_ns* is the time in nanoseconds since 1970. The server does not generate the name, because
    it rejects a ``generateName`` that ends in a dot. A name that would be too long is cut, whereas
    client-go uses a UUID.

    Source: client-go v0.36 tools/record/event.go (makeEvent), tools/record/util/util.go
    (GenerateEventName).
    """
    suffix = f".{at_ns:x}"
    return name[: _MAX_NAME - len(suffix)].rstrip("-.") + suffix


def _cut(text: str, most: int, end: str = "") -> str:
    """Cut a string to a given number of bytes of UTF-8.

    A cut string ends with *end*.
    """
    encoded = text.encode(errors="replace")
    if len(encoded) <= most:
        return text
    return encoded[: most - len(end.encode())].decode(errors="ignore") + end


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event that is ready to send."""

    ref: ObjectRef
    body: Mapping[str, Any]


class ClusterRecorder:
    """Builds and sends Events of ``events.k8s.io/v1``; safe to use from several threads.

    A run queues its Events with ``event_queue.QueuedRecorder``.

    Args:
        instance: The name of this run, such as the pod and process; at most 128 bytes are sent.
        revision: The commit that the run applies.
    """

    def __init__(self, client: Client, *, clock: Clock, instance: str, revision: str) -> None:
        # Events are not repeated, and pause after a failure, to spare an overloaded server.
        self._client = client.without_retries()
        self._clock = clock
        self._instance = _cut(printable(instance), _MAX_INSTANCE)
        self._revision = printable(revision)
        self._lock = threading.Lock()
        self._named_ns = 0
        """The time in the name of the newest Event, in nanoseconds since 1970."""
        self._failed = False
        self._not_before = 0.0

    def event(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> Event:
        """Build an Event with the current time, without sending the Event.

        Args:
            ref: The KubeVirt CR or the VM that the Event is about.
            uid: The object's uid, by which ``kubectl describe`` finds the Event.
            reason: A stable code in CamelCase.
            message: The text of the Event, of which at most 1024 bytes are sent.
            warning: Whether the Event has the type Warning rather than Normal.
        """
        now = self._clock.now()
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": event_name(ref.name, self._unique_ns(now)),
                "namespace": ref.namespace,
                "annotations": {REVISION: self._revision},
            },
            "eventTime": micro_time(now),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": _ACTION,
            "reason": _cut(reason, _MAX_REASON),
            "regarding": {
                "apiVersion": f"{ref.group}/v1",
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": uid,
            },
            "note": _cut(printable(message), _MAX_NOTE, "…"),
            "type": "Warning" if warning else "Normal",
        }
        return Event(ref, body)

    def _unique_ns(self, now: datetime) -> int:
        """Return the time in nanoseconds since 1970, increased if an earlier Event has that time.

        The clock counts microseconds, so two Events can have the same time.
        """
        now_ns = (now - _EPOCH) // timedelta(microseconds=1) * 1000
        with self._lock:
            self._named_ns = max(now_ns, self._named_ns + 1)
            return self._named_ns

    def send(self, event: Event) -> bool:
        """Send an Event once, and return whether the server accepted the Event.

        The first failure is logged as a warning, later failures at debug level. After a failure,
        Events are dropped for a minute.
        """
        if self._clock.monotonic() < self._not_before:
            return False
        path = resource_paths.collection("events", event.ref.namespace, resource_paths.EVENTS_API)
        try:
            self._client.send("POST", path, body=event.body, timeout_s=_LIMIT_S)
        except ClusterError as error:
            with self._lock:
                level = logging.DEBUG if self._failed else logging.WARNING
                self._failed = True
                self._not_before = self._clock.monotonic() + _PAUSE_S
            log.log(
                level, "cannot create Kubernetes Events: %s", error, extra={"ref": str(event.ref)}
            )
            return False
        return True
