"""``OwnerInformer``: watches the custom resources that determine the KubeVirt CR.

An operator, such as HCO or Harvester, generates the KubeVirt CR from these resources. If the
resources cannot be read, the snapshot contains a diagnostic and remains usable.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from reconciler.cluster.api import resource_paths
from reconciler.cluster.decode.owners import HyperConvergeds
from reconciler.cluster.informer.optional_kind import OptionalKind
from reconciler.cluster.informer.store import ObjectStore
from reconciler.cluster.informer.targets import KindTarget, PolledTarget
from reconciler.cluster.read.api_groups import SETTING_VERSION, ServedGroups, served_groups
from reconciler.cluster.read.lists import list_kind
from reconciler.cluster.read.owner_reader import (
    GROUPS,
    HYPERCONVERGEDS,
    SETTING,
    Owners,
    hyperconverged_path,
    read_setting,
)
from reconciler.errors import ClusterError, NotFoundError, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.informer.optional_kind import StartsReflectors
    from reconciler.cluster.informer.reflector import Reflector, Target
    from reconciler.model.live.live_owner import LiveOwner
    from reconciler.ports import Clock

GROUPS_POLL_S = 60.0
"""The interval at which API groups are listed, in seconds.

Within this time, the informer notices that an operator was installed or a permission granted.
"""
SETTING_POLL_S = 5.0
"""The interval at which the Harvester Setting is polled, in seconds."""
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
        self._hyperconvergeds: OptionalKind[KindTarget[LiveOwner]] = OptionalKind(
            self._start, change
        )
        self._settings: OptionalKind[_SettingTarget] = OptionalKind(
            self._start, change, poll_s=SETTING_POLL_S, watchable=False
        )

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
        problems = (
            (GROUPS, self._groups_error),
            (HYPERCONVERGEDS, self._hyperconvergeds.problem(now)),
            (SETTING, self._settings.problem(now)),
        )
        unread = {request: error for request, error in problems if error is not None}
        values: list[LiveOwner] = []
        findings = [request.unread(error) for request, error in unread.items()]
        listed, setting = self._hyperconvergeds.target, self._settings.target
        if listed is not None and HYPERCONVERGEDS not in unread:
            values += listed.store.view.values()
            findings += listed.store.findings
        if setting is not None and SETTING not in unread:
            values += setting.found.values
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
        try:
            self._follow_setting(client, served)
        finally:
            self._follow_hyperconverged(client, served)
        return _READ

    def _follow_hyperconverged(self, client: Client, served: ServedGroups) -> None:
        version = served.hyperconverged
        path, kind = hyperconverged_path(version), HyperConvergeds(version)
        store: ObjectStore[LiveOwner] = ObjectStore()
        target = KindTarget(path, kind, store, self._change, list_objects=list_kind)
        self._hyperconvergeds.follow(client, version, target, path)

    def _follow_setting(self, client: Client, served: ServedGroups) -> None:
        version = SETTING_VERSION if served.harvester else ""
        target = _SettingTarget(self._change)
        self._settings.follow(client, version, target, resource_paths.HARVESTER_SETTINGS)


class _SettingTarget(PolledTarget):
    """A ``reflector.Target`` that polls and stores Harvester's hotplug ratio Setting."""

    def __init__(self, change: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(self._read)
        self._change = change
        self.found = Owners()

    def _read(self, client: Client) -> str:
        """Read the Harvester Setting; report a change only if it differs from the stored one."""
        try:
            found = read_setting(client)
        except NotFoundError:
            found = Owners()
        if found != self.found:
            self._change(lambda: setattr(self, "found", found))
        return _READ
