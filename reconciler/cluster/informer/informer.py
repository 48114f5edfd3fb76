"""``ClusterInformer``: keeps a snapshot of the cluster up to date, with a reflector per kind."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from reconciler.cluster.api import resource_paths, threads
from reconciler.cluster.decode import workloads
from reconciler.cluster.decode.kubevirt_cr import KubeVirts
from reconciler.cluster.informer.capacity_refresh import CapacityRefresh
from reconciler.cluster.informer.optional_kind import PATIENCE_S
from reconciler.cluster.informer.owner_informer import OwnerInformer
from reconciler.cluster.informer.reflector import Reflector
from reconciler.cluster.informer.store import MigrationStore, ObjectStore
from reconciler.cluster.informer.targets import KindTarget, PolledTarget
from reconciler.cluster.read.lists import (
    Instancetypes,
    Listed,
    cluster_id,
    list_instancetypes,
    list_nodes,
    unreadable_kubevirt,
    wrong_number,
)
from reconciler.cluster.read.migration_policy_reader import (
    POLICIES,
    MigrationPolicies,
    list_migration_policies,
)
from reconciler.errors import ClusterError, UnavailableError
from reconciler.model.live.live_state import LiveNode, LiveState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable
    from reconciler.cluster.informer.reflector import Target
    from reconciler.cluster.informer.store import Store
    from reconciler.errors import BackgroundError
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveKubeVirt, LiveVM, LiveVMI
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

_COALESCE_S = 0.05
"""How long ``wait`` collects more events after the first change, in seconds of real time."""
_POLL_S = 60.0
"""The interval at which nodes and instancetypes are listed, in seconds."""
_POLICIES_POLL_S = 300.0
"""The interval in seconds at which migration policies are listed; only forecasts need them."""
_LISTED = "listed"
"""A placeholder for the resourceVersion of kinds that are polled and not watched."""
_JOIN_S = 0.5
"""How long the informer waits at its end until all its threads have stopped, in seconds."""


class ClusterInformer:
    """A ``ports.Informer`` that keeps a snapshot of the cluster up to date.

    Use one instance in one ``with`` block. The first call to ``read`` starts the informer.

    Args:
        scale: How many seconds of the simulated or real clock pass in one real second.
        changed: Called after each change, in the thread that made the change; must return
            quickly.
    """

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        scale: float = 1.0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._notify = changed
        self._client = client
        self._clock = clock
        self._scale = scale
        self._changed = threading.Condition()
        self._version = 0
        self._seen = 0
        self._cluster: tuple[str, tuple[Diagnostic, ...]] = ("", ())
        self._kubevirts: ObjectStore[LiveKubeVirt] = ObjectStore()
        self._vms: ObjectStore[LiveVM] = ObjectStore()
        self._vmis: ObjectStore[LiveVMI] = ObjectStore()
        self._migrations = MigrationStore()
        self._nodes: Listed[LiveNode] = Listed(values=(), resource_version="")
        self._types = Instancetypes()
        self._policies = MigrationPolicies()
        self._owners = OwnerInformer(client, clock, change=self._change, reflector=self._reflector)
        self._capacity = CapacityRefresh(
            client,
            clock,
            served=lambda: self._owners.served,
            change=self._change,
            broke=self._break,
            scale=scale,
        )
        self._broken: BackgroundError | None = None
        """The first error that ended a background thread, or None."""
        self._kinds: tuple[KindTarget[Any], ...] = (
            self._kind(resource_paths.KUBEVIRTS, KubeVirts(), self._kubevirts),
            self._kind(resource_paths.VMS, workloads.VMS, self._vms),
            self._kind(resource_paths.VMIS, workloads.VMIS, self._vmis),
            self._kind(resource_paths.MIGRATIONS, workloads.MIGRATIONS, self._migrations),
        )
        self._reflectors: tuple[Reflector, ...] = ()

    def _kind(self, plural: str, kind: Readable[Any], store: Store[Any, Any]) -> KindTarget[Any]:
        return KindTarget(resource_paths.collection(plural), kind, store, self._change)

    def __enter__(self) -> Self:
        return self

    def _start(self) -> None:
        """List every kind once, then start the reflectors.

        Raises:
            KubeVirtMissingError: The cluster has no KubeVirt CR, or several.
            ClusterError: The cluster cannot be read.
        """
        self._cluster = cluster_id(self._client)
        lists = [threads.start(kind.relist, self._client) for kind in self._kinds]
        nodes = threads.start(list_nodes, self._client)
        policies = threads.start(list_migration_policies, self._client)
        versions = [each.result() for each in lists]
        self._nodes = nodes.result()
        self._policies = policies.result()
        self._list_types(self._client)
        self._config()
        self._owners.begin()
        reflectors = [
            self._reflector(kind, kind.path, version)
            for kind, version in zip(self._kinds, versions, strict=True)
        ]
        reflectors.append(self._poller(self._list_nodes, resource_paths.NODES, _LISTED))
        reflectors.append(self._poller(self._list_types, resource_paths.INSTANCETYPES, _LISTED))
        reflectors.append(self._poller(self._list_policies, POLICIES, _LISTED, _POLICIES_POLL_S))
        self._reflectors = tuple(reflectors)
        for reflector in self._reflectors:
            reflector.start()

    def _reflector(self, target: Target, path: str, version: str, **options: Any) -> Reflector:  # noqa: ANN401 - those of Reflector
        return Reflector(
            self._client,
            target,
            path=path,
            version=version,
            clock=self._clock,
            broke=self._break,
            scale=self._scale,
            **options,
        )

    def _poller(
        self,
        relist: Callable[[Client], str],
        path: str,
        version: str,
        poll_s: float = _POLL_S,
    ) -> Reflector:
        target = PolledTarget(relist)
        return self._reflector(target, path, version, poll_s=poll_s, watchable=False)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the reflector threads."""
        owners = self._owners.end()
        for reflector in self._reflectors:
            reflector.end()
        running = (*self._reflectors, *owners)
        for reflector in running:
            reflector.join(_JOIN_S / len(running))

    def read(self) -> LiveState:
        """Return the newest snapshot of the cluster; the first call lists all objects.

        The snapshot is immutable.

        Raises:
            KubeVirtMissingError: The cluster has no KubeVirt CR, or several.
            BackgroundError: A thread that updates the snapshot has failed.
            ClusterError: The cluster cannot be read, or requests for a kind have failed for two
                minutes.
        """
        if self._broken is not None:
            raise self._broken
        if not self._reflectors:
            self._start()
        self._refuse_if_stale()
        return self._snapshot()

    def _snapshot(self) -> LiveState:
        with self._changed:
            self._seen = self._version
            owners = self._owners.owners()
            return LiveState(
                cluster_id=self._cluster[0],
                observed_at=self._clock.now(),
                kubevirt=self._config(),
                vms=self._vms.view,
                vmis=self._vmis.view,
                migrations=self._migrations.view,
                nodes=self._nodes.values,
                capacity=self._capacity.newest,
                instancetypes=self._types.values,
                instancetype_kinds=self._types.kinds,
                migration_policies=self._policies.values,
                namespace_labels=self._policies.namespace_labels,
                owners=owners.values,
                api_groups=owners.groups,
                diagnostics=(
                    *self._kubevirts.findings,
                    *self._vms.findings,
                    *self._vmis.findings,
                    *self._migrations.findings,
                    *self._nodes.diagnostics,
                    *self._types.diagnostics,
                    *self._policies.diagnostics,
                    *owners.diagnostics,
                    *self._cluster[1],
                ),
            )

    def wait(self, timeout_s: float) -> LiveState:
        """Wait a limited time for a change in the cluster, and return the newest snapshot.

        A change after the previous snapshot counts, even if it happened before this call.

        Raises:
            ClusterError: See ``read``.
        """
        with self._changed:
            changed = self._changed.wait_for(
                lambda: self._version != self._seen or self._broken is not None,
                timeout_s / self._scale,
            )
            if changed:
                self._changed.wait_for(lambda: False, min(_COALESCE_S, timeout_s / self._scale))
        return self.read()

    def capacity(self) -> Capacity:
        """List pods and quotas in all namespaces now; later snapshots include the free capacity.

        Raises:
            ClusterError: The lists cannot be read, for a reason other than missing permissions.
        """
        return self._capacity.read()

    def refresh_capacity(self, wait_s: float = 0.0) -> Capacity:
        """List pods and quotas in the background, and wait for the result for at most *wait_s*.

        At most one such refresh runs at a time. ``wait`` returns when the refresh has
        succeeded. A failure is logged and changes nothing.

        Args:
            wait_s: The longest wait for the result, in seconds after the start of the refresh.

        Returns:
            The newest capacity that is known.

        Raises:
            UnavailableError: No refresh has ever succeeded.
        """
        found = self._capacity.start(wait_s)
        if found is None:
            raise UnavailableError(
                "the plan needs pods and quotas, which were never read successfully: "
                f"{self._capacity.problem}",
                hint="the process repeats the list requests until they succeed",
            )
        return found

    def _change(self, make: Callable[[], None]) -> None:
        """Hold the lock, call a function that changes a store, and wake up ``wait``."""
        with self._changed:
            make()
            self._version += 1
            self._changed.notify_all()
        self._notify()

    def _break(self, what: str, error: Exception) -> None:
        """Make ``read`` and ``wait`` raise an error, because a background thread failed."""
        with self._changed:
            self._broken = self._broken or threads.unexpected(what, error)
            self._changed.notify_all()
        self._notify()

    def _list_nodes(self, client: Client) -> str:
        """List the nodes; report a change only if the nodes differ from the previous list."""
        nodes = list_nodes(client)
        # The resourceVersion differs in every list of a cluster.
        if replace(nodes, resource_version=self._nodes.resource_version) != self._nodes:
            self._change(lambda: setattr(self, "_nodes", nodes))
        return _LISTED

    def _list_types(self, client: Client) -> str:
        """List the instancetypes if a VM uses one; report a change only if the list differs."""
        with self._changed:
            vms = self._vms.view
        found = list_instancetypes(client, vms.values())
        if found != self._types:
            self._change(lambda: setattr(self, "_types", found))
        return _LISTED

    def _list_policies(self, client: Client) -> str:
        """List the migration policies; report a change only if the list differs."""
        found = list_migration_policies(client)
        if found != self._policies:
            self._change(lambda: setattr(self, "_policies", found))
        return _LISTED

    def _config(self) -> LiveKubeVirt:
        found = self._kubevirts.view
        if not found and self._kubevirts.findings:
            raise unreadable_kubevirt(self._client.host, self._kubevirts.findings)
        if len(found) != 1:
            raise wrong_number(self._client.host, found)
        return next(iter(found.values()))

    def outage(self) -> tuple[datetime, ClusterError] | None:
        """Return when list or watch requests for a kind started to fail, and the last error.

        The result is None if no requests fail. During a failure, ``read`` still returns the old
        snapshot for two minutes.
        """
        found = self._first_failure()
        if found is None:
            return None
        since, error = found
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - since), error

    def _first_failure(self) -> tuple[float, ClusterError] | None:
        failing: list[tuple[float, ClusterError]] = [
            each.failing for each in self._reflectors if each.failing is not None
        ]
        return min(failing, key=lambda each: each[0], default=None)

    def _refuse_if_stale(self) -> None:
        found = self._first_failure()
        if found is not None and self._clock.monotonic() - found[0] > PATIENCE_S:
            raise found[1]
