"""``OwnerInformer``: watches the custom resources that determine the KubeVirt CR.

An operator, such as HCO or Harvester, generates the KubeVirt CR from these resources. If the
resources cannot be read, the snapshot contains a diagnostic and remains usable.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from reconciler.cluster.api import resource_paths
from reconciler.cluster.decode.owners import OwnerObjects
from reconciler.cluster.informer.optional_kind import OptionalKind
from reconciler.cluster.informer.store import ObjectStore
from reconciler.cluster.informer.targets import KindTarget, PolledTarget
from reconciler.cluster.read.api_groups import ServedGroups, served_groups
from reconciler.cluster.read.lists import list_kind
from reconciler.cluster.read.owner_reader import (
    GROUPS,
    OwnerRequest,
    Owners,
    path_of,
    read_objects,
)
from reconciler.errors import ClusterError, NotFoundError, UnauthorizedError
from reconciler.plan.kubevirt.owners import owner_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.informer.optional_kind import StartsReflectors
    from reconciler.cluster.informer.reflector import Reflector, Target
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.live.live_owner import LiveOwner
    from reconciler.plan.kubevirt.owners.owner_object import OwnerObject
    from reconciler.ports import Clock

GROUPS_POLL_S = 60.0
"""The interval at which API groups are listed, in seconds.

Within this time, the informer notices that an operator was installed or a permission was granted.
"""
OBJECT_POLL_S = 5.0
"""The interval at which a single object, such as Harvester's Setting, is polled, in seconds."""
_READ = "read"
"""A placeholder for the resourceVersion of objects that are polled and not watched."""


class OwnerInformer:
    """Watches the custom resources from which an operator generates the KubeVirt CR.

    The informer lists the API groups at intervals to find out which of these resources exist.

    Args:
        change: Calls a function while holding the snapshot's lock, and wakes up waiting readers.
        reflector: Creates a reflector without starting it.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        change: Callable[[Callable[[], None]], None],
        reflector: StartsReflectors,
    ) -> None:
        self._client, self._clock = client, clock
        self._change, self._reflector = change, reflector
        self._lock = threading.Lock()
        self._ended = False
        self._running: list[Reflector] = []
        self._served: ServedGroups | None = None
        self._groups_error: ClusterError | None = None
        self._kinds = tuple((each, self._optional(each)) for each in owner_table.owner_objects())

    def _optional(self, kind: OwnerObject) -> OptionalKind[KindTarget[LiveOwner] | _PolledObject]:
        polled = {"poll_s": OBJECT_POLL_S, "watchable": False} if kind.only else {}
        return OptionalKind(self._start, self._change, **polled)

    @property
    def served(self) -> ServedGroups | None:
        """The API groups that the API server serves, or None until they have been listed."""
        return self._served

    def begin(self) -> None:
        """Read the custom resources that determine the KubeVirt CR, and start to watch them.

        Raises:
            UnauthorizedError: The server rejects the credentials.
        """
        version = _READ
        try:
            self._read(self._client)
        except UnauthorizedError:
            raise
        except ClusterError:
            version = ""  # so that the thread tries again at once, and then with growing pauses
        polled = PolledTarget(self._read)
        self._start(polled, resource_paths.GROUPS, version, poll_s=GROUPS_POLL_S, watchable=False)

    def end(self) -> list[Reflector]:
        """Tell all reflector threads to stop, and return the threads."""
        with self._lock:
            self._ended = True
        for each in self._running:
            each.end()
        return self._running

    def owners(self) -> Owners:
        """Return the newest custom resources; the caller must hold the snapshot's lock."""
        now = self._clock.monotonic()
        values: list[LiveOwner] = []
        findings: list[Diagnostic] = []
        if self._groups_error is not None:
            findings.append(GROUPS.unread(self._groups_error))
        for kind, optional in self._kinds:
            error, target = optional.problem(now), optional.target
            if error is not None:
                findings.append(OwnerRequest.of(kind).unread(error))
            elif target is not None:
                values += target.store.view.values()
                findings += target.store.findings
        return Owners(values=tuple(values), served=self._served, diagnostics=tuple(findings))

    def _start(self, target: Target, path: str, version: str, **options: Any) -> Reflector:  # noqa: ANN401 - those of Reflector
        made = self._reflector(target, path, version, **options)
        with self._lock:
            if not self._ended:
                self._running = [*(each for each in self._running if not each.ended), made]
                made.start()
        return made

    def _read(self, client: Client) -> str:
        """List the API groups, and start the reflectors for the resources that are served.

        Raises:
            ClusterError: The API groups or the custom resources cannot be read.
        """
        try:
            served = served_groups(client)
        except ClusterError as error:
            # The groups that are known remain valid, since an operator is rarely removed.
            self._groups_error = error if self._served is None else None
            raise
        self._groups_error = None
        if served != self._served:
            self._change(lambda: setattr(self, "_served", served))
        failures: list[ClusterError] = []
        for kind, optional in self._kinds:
            version = served.version_of(kind)
            target = self._target(kind, version)
            try:
                optional.follow(client, version, target, path_of(kind, version))
            except ClusterError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return _READ

    def _target(self, kind: OwnerObject, version: str) -> KindTarget[LiveOwner] | _PolledObject:
        if kind.only:
            return _PolledObject(kind, version, self._change)
        store: ObjectStore[LiveOwner] = ObjectStore()
        path, objects = path_of(kind, version), OwnerObjects(kind, version)
        return KindTarget(path, objects, store, self._change, list_objects=list_kind)


class _PolledObject(PolledTarget):
    """A ``reflector.Target`` that polls a single object, such as Harvester's Setting."""

    def __init__(
        self, kind: OwnerObject, version: str, change: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__(self._read)
        self._kind, self._version, self._change = kind, version, change
        self.store: ObjectStore[LiveOwner] = ObjectStore()

    def _read(self, client: Client) -> str:
        """Read the polled object; report a change only if it differs from the stored object."""
        try:
            found = read_objects(client, self._kind, self._version).values
        except NotFoundError:
            found = ()
        if found != tuple(self.store.view.values()):
            self._change(lambda: self.store.replace(found, ()))
        return _READ
