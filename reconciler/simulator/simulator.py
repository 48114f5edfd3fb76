"""Simulator: runs a simulated cluster, and serves its API to Python callers and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from reconciler.simulator import kubeconfig
from reconciler.simulator.apiserver.access import authentication, rbac
from reconciler.simulator.apiserver.api_server import KubeApiServer
from reconciler.simulator.apiserver.request.admission import Admission
from reconciler.simulator.apiserver.request.api_faults import Faults as ApiFaults
from reconciler.simulator.apiserver.request.http_messages import (
    Request,
    RequestRecord,
    Response,
    User,
)
from reconciler.simulator.apiserver.response_times import IMMEDIATE, ResponseTimes
from reconciler.simulator.clock import SimClock
from reconciler.simulator.engine import Engine
from reconciler.simulator.http_server import server
from reconciler.simulator.kubevirt.cluster import Cluster
from reconciler.simulator.kubevirt.control_plane import ControlPlane
from reconciler.simulator.kubevirt.controllers.backups import Backups
from reconciler.simulator.kubevirt.node import aware_quotas
from reconciler.simulator.kubevirt.owners import start_owners
from reconciler.simulator.kubevirt.owners.owner_specs import OwnerSpecs
from reconciler.simulator.kubevirt.vm_faults import Faults
from reconciler.simulator.store.store import Store
from reconciler.simulator.worlds.seeding import WorldSeeder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.simulator.apiserver.reading.watch import WatchStream
    from reconciler.simulator.store.history import StoreEvent
    from reconciler.simulator.worlds.world_model import TimelineEntry, World


class Simulator:
    """A running simulation of a cluster that a YAML file describes.

    With the default clock, simulated time is real time, and scheduled work runs while `serve` is
    active. With a stepped clock, time changes only in `engine.step` and `engine.run_until`.
    """

    def __init__(
        self,
        world: World,
        *,
        clock: SimClock | None = None,
        seed: int | None = None,
        response_times: ResponseTimes = IMMEDIATE,
    ) -> None:
        """Creates the objects of the simulated cluster and starts its components.

        Args:
            world: The initial state of the cluster to simulate.
            clock: The simulated clock, or None for real time.
            seed: The random seed for names, UIDs and delays, or None for the seed in `world`.
            response_times: The minimum time that the API server's responses take.

        Raises:
            WorldError: The nodes do not have enough memory for the VMs.
        """
        chosen = world.seed if seed is None else seed
        self.world: Final = world
        self.clock: Final = clock or SimClock()
        self.store: Final = Store(self.clock, seed=chosen)
        self.engine: Final = Engine(self.clock, self.store, seed=chosen)
        self.faults: Final = Faults({vm.key: vm.faults for vm in world.vms})
        self.cluster: Final = Cluster(
            self.engine, self.faults, version=world.version, bandwidth=world.bandwidth
        )
        admission = Admission()
        specs = OwnerSpecs(
            hyperconverged=world.hyperconverged,
            harvester=world.harvester,
            namespace=world.kubevirt_namespace,
            kubevirt_spec=world.kubevirt_spec,
            writers=world.writers,
            deckhouse=world.deckhouse,
        )
        profiles = {vm.key: vm.profile for vm in world.vms}
        self.control_plane: Final = ControlPlane(self.cluster, admission, profiles)
        known = {
            token: User(who["user"], tuple(who.get("groups") or ()))
            for token, who in world.tokens.items()
        }
        self.api: Final = KubeApiServer(
            self.store,
            admission,
            tokens=authentication.Tokens(self.clock, known),
            mode=rbac.Mode(world.rbac),
            faults=ApiFaults(list(world.api_faults), seed=chosen),
            response_times=response_times,
            installed=start_owners.installed(specs)
            | (
                {aware_quotas.API_VERSION}
                if world.aware_quotas or world.aware_cluster_quotas
                else set()
            ),
        )
        with self.store.lock:
            unsettled = WorldSeeder(world, self.store).seed()
            self.control_plane.quotas.aware.down = world.aware_down
            owners = tuple(start_owners.start_owners(specs, self.cluster, admission))
            self.control_plane.start(unsettled, owners)
        for vm in world.vms:
            if vm.backup is not None and vm.backup.ends_s is not None:
                self._schedule_end(vm.key, vm.backup.name, vm.backup.ends_s)
        for entry in world.timeline:
            self._schedule(entry)

    @property
    def request_log(self) -> list[RequestRecord]:
        """All requests that the API server has received, oldest first."""
        return self.api.log

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        user: User | None = None,
    ) -> Response | WatchStream:
        """Sends one request to the API server directly, without HTTP.

        Args:
            method: The HTTP method.
            path: The decoded path of the URL, without the query.
            query: The decoded query parameters; as pairs if a parameter is repeated.
            headers: The request headers; header names can be in any case.
            body: The encoded request body.
            user: The user who sends the request. If None, the Authorization header determines the
                user; a request without this header is sent by the administrator.
        """
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        pairs = query.items() if isinstance(query, Mapping) else query
        return self.api.handle(
            Request(
                method=method,
                path=path,
                query=tuple(pairs),
                headers=lower,
                body=body,
                user=user or (None if "authorization" in lower else authentication.ADMIN),
            )
        )

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> server.Server:
        """Serves the simulated API over HTTP in a separate thread, which also runs scheduled work.

        Returns:
            The running server, a context manager with the attributes `url` and `token` (the
            administrator's token).

        Raises:
            OSError: The server cannot listen on the address.
        """
        return server.Server(self.api, self.engine, host=host, port=port)

    def kubeconfig(self, url: str, token: str) -> str:
        """Builds a kubeconfig for the simulated API server."""
        return kubeconfig.render(url, token)

    def _schedule_end(self, vm: tuple[str, str], backup: str, ends_s: float) -> None:
        self.engine.at(ends_s, lambda: Backups(self.cluster).end(vm, backup))

    def _schedule(self, entry: TimelineEntry) -> None:
        def happen() -> None:
            for key, faults in entry.faults.items():
                self.faults.inject(*key, faults)
            if entry.request:
                self.request(
                    entry.request.get("method", "PATCH"),
                    entry.request["path"],
                    headers={
                        "content-type": entry.request.get(
                            "contentType", "application/merge-patch+json"
                        ),
                        "user-agent": entry.request.get("userAgent", "kubectl"),
                    },
                    body=json.dumps(entry.request.get("body") or {}).encode(),
                )

        if entry.phase:
            self._once_migrating(entry, happen)
        else:
            self.engine.at(entry.at_s, happen)

    def _once_migrating(self, entry: TimelineEntry, happen: Callable[[], None]) -> None:
        def look(event: StoreEvent) -> None:
            facts = self.cluster.inventory.migrations.get(event.key)
            if facts and facts.vmi == entry.migrating and facts.phase == entry.phase:
                unsubscribe()
                # The write that reports the phase must be complete before the event happens.
                self.engine.at(entry.at_s, happen)

        unsubscribe = self.store.subscribe(look)
