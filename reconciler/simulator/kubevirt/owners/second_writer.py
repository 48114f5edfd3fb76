"""SecondWriter: simulates a tool that resets fields of an object, such as Argo CD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.apiserver.patching import merge_patch
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.object_fields import Json
    from reconciler.simulator.kubevirt.owners.owner_specs import RewriteSpec
    from reconciler.simulator.store.history import Key, StoreEvent


class SecondWriter:
    """Resets fields of an object, with a merge patch, some seconds after each change."""

    def __init__(self, cluster: Cluster, key: Key, rewrite: RewriteSpec) -> None:
        self._cluster = cluster
        self._key = key
        self._rewrite = rewrite
        wait_s = rewrite.after_s
        self.queue: WorkQueue[Key] = WorkQueue(
            cluster.engine, self.sync, latency_s=(wait_s, wait_s)
        )

    def observe(self, event: StoreEvent) -> None:
        """Queues the object after each change."""
        if event.key == self._key and event.type != "DELETED":
            self.queue.add(event.key)

    def sync(self, key: Key) -> None:
        """Writes the fields of the merge patch into the object."""

        def write(stored: Json) -> None:
            stored.update(merge_patch.merge(stored, dict(self._rewrite.patch)))

        self._cluster.store.mutate(key, write, manager=self._rewrite.manager)
