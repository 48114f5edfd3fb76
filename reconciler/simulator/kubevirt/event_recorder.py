"""EventRecorder: writes core/v1 Events from KubeVirt components to the object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.clock import rfc3339
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    import random

    from reconciler.simulator.kubevirt.object_fields import Json
    from reconciler.simulator.store.store import Store


class EventRecorder:
    """Writes core/v1 Events; a repeated Event only increments the count of the first one."""

    def __init__(self, store: Store, random_source: random.Random) -> None:
        self._store = store
        self._random = random_source
        self._known: dict[tuple[str, str, str], Key] = {}

    def warn(self, about: Json, reason: str, message: str, component: str) -> None:
        """Records a Warning Event about an object."""
        self.record(about, "Warning", reason, message, component)

    def record(self, about: Json, kind: str, reason: str, message: str, component: str) -> None:
        """Records an Event of type Normal or Warning about an object."""
        meta = about["metadata"]
        now = rfc3339(self._store.clock.now())
        known = self._known.get((meta["uid"], reason, message))
        if known is not None and self._store.get(known) is not None:
            self._store.mutate(known, lambda event: _count(event, now))
            return
        namespace = meta.get("namespace", "default")
        name = f"{meta['name']}.{self._random.getrandbits(60):016x}"
        key = Key("events", namespace, name)
        self._known[meta["uid"], reason, message] = key
        self._store.create(
            key,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": {
                    "apiVersion": about["apiVersion"],
                    "kind": about["kind"],
                    "name": meta["name"],
                    "namespace": namespace,
                    "resourceVersion": meta.get("resourceVersion", ""),
                    "uid": meta["uid"],
                },
                "reason": reason,
                "message": message,
                "type": kind,
                "source": {"component": component},
                "reportingComponent": component,
                "reportingInstance": "",
                "firstTimestamp": now,
                "lastTimestamp": now,
                "eventTime": None,
                "count": 1,
            },
        )


def _count(event: Json, now: str) -> None:
    event["count"] = event.get("count", 1) + 1
    event["lastTimestamp"] = now
