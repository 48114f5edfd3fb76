"""Replaces the product's informer with one without threads, which lists changed objects."""

from __future__ import annotations

from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.cluster.read.lists import cluster_id, list_instancetypes, list_nodes
from reconciler.cluster.read.migration_policy_reader import list_migration_policies
from reconciler.errors import ClusterError

OLD_SNAPSHOT_S = 120.0
"""How long the informer returns an old snapshot while reads fail, in seconds."""
COALESCE_S = 0.05
KINDS = (
    "kubevirts.kubevirt.io",
    "virtualmachines.kubevirt.io",
    "virtualmachineinstances.kubevirt.io",
    "virtualmachineinstancemigrations.kubevirt.io",
)


class SteppedInformer(ClusterInformer):
    """An informer whose waits advance the simulated time.

    While the server does not respond, this informer behaves like the real one: for two minutes it
    returns its old snapshot; then it raises an error.
    """

    def __init__(self, client, clock, sim):
        super().__init__(client, clock=clock)
        self._sim = sim
        self._once = client.without_retries()
        self._dirty = {*KINDS, "nodes"}
        self._failing_since = None
        sim.store.subscribe(lambda event: self._dirty.add(event.key.resource))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def restart(self):
        """Discard all cached state, as when a new run starts."""
        self._capacity.newest = None
        self._cluster = cluster_id(self._client)
        self._dirty |= {*KINDS, "nodes"}
        self._list(self._client)
        self._policies = list_migration_policies(self._client)
        self._types = list_instancetypes(self._client, self._vms.view.values())

    def read(self):
        try:
            self._list(self._once)
        except ClusterError as error:
            now = self._clock.monotonic()
            since = self._failing_since = self._failing_since or now
            if now - since > OLD_SNAPSHOT_S:
                raise error from None
        else:
            self._failing_since = None
        return self._snapshot()

    def wait(self, timeout_s):
        """Wait for a change to a watched object or the timeout; rapid changes count as one."""
        left_s = timeout_s
        while left_s > 0 and self._dirty.isdisjoint(KINDS):
            due = self._sim.engine.next_due()
            step = left_s if due is None else due - self._clock.monotonic()
            step = min(max(step, 0.01), left_s)
            self._clock.sleep(step)
            left_s -= step
        self._clock.sleep(min(COALESCE_S if left_s > 0 else 0.0, timeout_s))
        if self._failing_since is not None:
            self._clock.sleep(timeout_s)
        return self.read()

    def _list(self, client):
        reads = [
            *((name, kind.relist) for name, kind in zip(KINDS, self._kinds, strict=True)),
            ("nodes", self._list_nodes),
        ]
        for name, read in reads:
            if name in self._dirty:
                # A change that happens before a late response arrives needs another read.
                self._dirty.discard(name)
                try:
                    read(client)
                except BaseException:
                    self._dirty.add(name)
                    raise

    def _list_nodes(self, client):
        self._nodes = list_nodes(client)
