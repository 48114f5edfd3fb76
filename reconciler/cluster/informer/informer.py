"""Keeps a snapshot of the cluster up to date: a list and a watch a kind, kept as an index."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reconciler.cluster.api import resource_paths, threads
from reconciler.cluster.decode import workloads
from reconciler.cluster.decode.kubevirt_cr import KubeVirts
from reconciler.cluster.informer.reflector import Reflector
from reconciler.cluster.informer.store import Migrations, Table
from reconciler.cluster.informer.targets import LISTED, KindTarget, NodeTarget, TypesTarget
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.cluster.read.cluster_reader import (
    Instancetypes,
    Listed,
    cluster_id,
    list_instancetypes,
    list_nodes,
    wrong_number,
)
from reconciler.cluster.read.migration_policy_reader import (
    MigrationPolicies,
    list_migration_policies,
)
from reconciler.errors import BackgroundError, ClusterError
from reconciler.model.live.live_state import LiveNode, LiveState

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from reconciler.cluster.api.client import Client
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveKubeVirt, LiveVM, LiveVMI
    from reconciler.ports import Clock

V = TypeVar("V")

log = logging.getLogger(__name__)

_COALESCE_S = 0.05
"""A burst of events is handed out as one change: real seconds to wait for the rest of it."""
_PATIENCE_S = 120.0
"""For how long a kind may be unreadable before the snapshot counts as too old to act on."""
_CAPACITY_S = 10.0
"""How often pods and quotas are read in the background at most."""
_NODES_S = 60.0
_INSTANCETYPES_S = 60.0
_JOIN_S = 1.0
"""For all threads together; one that still waits for a server dies with the process."""


class ClusterInformer:
    """Implements ``ports.Informer``; opened once with ``with``, and starts at the first read.

    Args:
        namespace: Limits VMs, instances and migrations; None means all.
        scale: How many seconds of the clock a real second has.
    """

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        namespace: str | None = None,
        scale: float = 1.0,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._clock = clock
        self._scale = scale
        self._changed = threading.Condition()
        self._version = 0
        self._seen = 0
        self._cluster: tuple[str, tuple[Diagnostic, ...]] = ("", ())
        self._kubevirts: Table[LiveKubeVirt] = Table()
        self._vms: Table[LiveVM] = Table()
        self._vmis: Table[LiveVMI] = Table()
        self._migrations = Migrations()
        self._nodes: Listed[LiveNode] = Listed(values=(), resource_version="")
        self._types = Instancetypes()
        self._policies = MigrationPolicies()
        self._capacity: Capacity | None = None
        self._broken: BackgroundError | None = None
        """By what a background thread ended, the first one that did."""
        self._refreshing = False
        """Whether pods and quotas are being read in the background."""
        self._capacity_not_before = 0.0
        """Monotonic seconds before which that is not begun again."""
        self._kinds: tuple[KindTarget[Any], ...] = (
            KindTarget(
                self,
                resource_paths.collection(resource_paths.KUBEVIRTS),
                KubeVirts(),
                self._kubevirts,
            ),
            KindTarget(
                self,
                resource_paths.collection(resource_paths.VMS, namespace),
                workloads.VMS,
                self._vms,
            ),
            KindTarget(
                self,
                resource_paths.collection(resource_paths.VMIS, namespace),
                workloads.VMIS,
                self._vmis,
            ),
            KindTarget(
                self,
                resource_paths.collection(resource_paths.MIGRATIONS, namespace),
                workloads.MIGRATIONS,
                self._migrations,
            ),
        )
        self._reflectors: tuple[Reflector, ...] = ()

    def __enter__(self) -> Self:
        return self

    def _start(self) -> None:
        """List everything once, then start the reflectors.

        Raises:
            KubeVirtMissingError: The cluster has no KubeVirt CR, or several.
            ClusterError: The cluster cannot be read.
        """
        self._cluster = cluster_id(self._client)
        lists = [threads.begin(kind.relist, self._client) for kind in self._kinds]
        nodes = threads.begin(list_nodes, self._client)
        policies = threads.begin(list_migration_policies, self._client)
        versions = [each.result() for each in lists]
        self._nodes = nodes.result()
        # Once: only the forecast reads them, which is made when a run begins.
        self._policies = policies.result()
        types = TypesTarget(self)
        types.relist(self._client)
        self._config()
        reflectors = [
            Reflector(
                self._client,
                kind,
                path=kind.path,
                version=version,
                clock=self._clock,
                broke=self._break,
                scale=self._scale,
            )
            for kind, version in zip(self._kinds, versions, strict=True)
        ]
        if self._nodes.resource_version:
            reflectors.append(
                Reflector(
                    self._client,
                    NodeTarget(self),
                    path=resource_paths.NODES,
                    version=self._nodes.resource_version,
                    clock=self._clock,
                    broke=self._break,
                    scale=self._scale,
                    poll_s=_NODES_S,
                    watchable=False,
                )
            )
        reflectors.append(
            Reflector(
                self._client,
                types,
                path=resource_paths.INSTANCETYPES,
                version=LISTED,
                clock=self._clock,
                broke=self._break,
                scale=self._scale,
                poll_s=_INSTANCETYPES_S,
                watchable=False,
            )
        )
        self._reflectors = tuple(reflectors)
        for reflector in self._reflectors:
            reflector.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the reflectors."""
        for reflector in self._reflectors:
            reflector.end()
        for reflector in self._reflectors:
            reflector.join(_JOIN_S / len(self._reflectors))

    def read(self) -> LiveState:
        """Return the newest snapshot, which never changes; the first call lists everything.

        Raises:
            KubeVirtMissingError: The cluster has no KubeVirt CR, or several.
            BackgroundError: A thread that keeps the snapshot up to date has ended.
            ClusterError: The cluster cannot be read, or a kind was unreadable for two minutes.
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
            return LiveState(
                cluster_id=self._cluster[0],
                observed_at=self._clock.now(),
                kubevirt=self._config(),
                vms=self._vms.view,
                vmis=self._vmis.view,
                migrations=self._migrations.view,
                nodes=self._nodes.values,
                capacity=self._capacity,
                instancetypes=self._types.values,
                instancetype_kinds=self._types.kinds,
                migration_policies=self._policies.values,
                namespace_labels=self._policies.namespace_labels,
                diagnostics=(
                    *self._kubevirts.findings,
                    *self._vms.findings,
                    *self._vmis.findings,
                    *self._migrations.findings,
                    *self._nodes.diagnostics,
                    *self._types.diagnostics,
                    *self._policies.diagnostics,
                    *self._cluster[1],
                ),
            )

    def wait(self, timeout_s: float) -> LiveState:
        """The newest snapshot, after a change or *timeout_s*, whichever is first.

        A change that came since the last snapshot was handed out counts.

        Raises:
            ClusterError: As ``read``.
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
        """Read pods and quotas of all namespaces now; the snapshots hold them from then on.

        Raises:
            ClusterError: They cannot be read, for another reason than missing rights.
        """
        found = read_capacity(self._client, self._clock)
        with self._changed:
            self._take_capacity(found)
        return found

    def refresh_capacity(self) -> None:
        """Begin to read them, unless that is under way; wakes who waits once they are read.

        A failure is logged, and leaves what there was.
        """
        with self._changed:
            if self._refreshing or self._clock.monotonic() < self._capacity_not_before:
                return
            self._refreshing = True
            # After a failure, too: so often at most.
            self._capacity_not_before = self._clock.monotonic() + _CAPACITY_S
        try:
            threads.begin(self._refresh_capacity)
        except RuntimeError as error:  # no thread can be started
            self._refreshing = False
            log.warning("pods and quotas are not read anew: %s", error)

    def _refresh_capacity(self) -> None:
        try:
            found = read_capacity(self._client, self._clock)
            self.change(lambda: self._take_capacity(found))
        except ClusterError as error:
            log.warning("pods and quotas are not read anew: %s", error)
        except Exception as error:
            log.exception("pods and quotas are not read anew")
            self._break("the thread that reads pods and quotas", error)
        finally:
            self._refreshing = False

    def _take_capacity(self, found: Capacity) -> None:
        """Hold *found*, unless what is held was read later."""
        if self._capacity is None or found.observed_at >= self._capacity.observed_at:
            self._capacity = found

    def change(self, make: Callable[[], None]) -> None:
        """Let *make* change the index while nobody reads it, and wake who waits."""
        with self._changed:
            make()
            self._version += 1
            self._changed.notify_all()

    def _break(self, what: str, error: Exception) -> None:
        """Let ``current`` and ``wait`` raise, and wake the thread that waits."""
        with self._changed:
            self._broken = self._broken or threads.unexpected(what, error)
            self._changed.notify_all()

    def take_nodes(self, nodes: Listed[LiveNode]) -> None:
        """Hold *nodes*; wakes nobody where they are as before."""
        if nodes.values != self._nodes.values:
            self.change(lambda: setattr(self, "_nodes", nodes))

    def list_types(self, client: Client) -> None:
        """List the instancetypes, if a VM has one; wakes nobody where they are as before."""
        with self._changed:
            vms = self._vms.view
        found = list_instancetypes(client, vms.values(), self._namespace)
        if found != self._types:
            self.change(lambda: setattr(self, "_types", found))

    def _config(self) -> LiveKubeVirt:
        found = self._kubevirts.view
        if len(found) != 1:
            raise wrong_number(self._client.host, found)
        return next(iter(found.values()))

    def _refuse_if_stale(self) -> None:
        now = self._clock.monotonic()
        failing: list[tuple[float, ClusterError]] = [
            each.failing for each in self._reflectors if each.failing is not None
        ]
        if failing:
            since, error = min(failing, key=lambda each: each[0])
            if now - since > _PATIENCE_S:
                raise error
