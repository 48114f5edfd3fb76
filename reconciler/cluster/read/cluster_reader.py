"""``ClusterReader``: reads a snapshot of the cluster with one list per kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reconciler.cluster.api import resource_paths, threads
from reconciler.cluster.decode import workloads
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.cluster.read.lists import (
    Listed,
    cluster_id,
    list_all,
    list_instancetypes,
    list_kubevirt,
    list_nodes,
)
from reconciler.cluster.read.migration_policy_reader import list_migration_policies
from reconciler.cluster.read.owner_reader import read_owners
from reconciler.model.live.live_state import LiveState

if TYPE_CHECKING:
    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable
    from reconciler.cluster.read.api_groups import ServedGroups
    from reconciler.model.live.capacity import Capacity
    from reconciler.ports import Clock

V = TypeVar("V")


class ClusterReader:
    """A ``ports.LiveReader`` that reads snapshots of the cluster from an API server.

    Args:
        start: Calls a function that lists one kind; by default, in a new thread.
    """

    def __init__(
        self, client: Client, *, clock: Clock, start: threads.Start = threads.start
    ) -> None:
        self._client = client
        self._clock = clock
        self._start = start
        self._served: ServedGroups | None = None
        """The API groups found by the last ``read``, which ``capacity`` needs as well."""

    def read(self) -> LiveState:
        """List all kinds in parallel, and return the objects as one snapshot of the cluster.

        Raises:
            KubeVirtMissingError: The cluster has no KubeVirt CR, or several.
            ClusterError: The cluster cannot be read.
        """
        observed_at = self._clock.now()
        # This request is sent alone, so that an unreachable server is reported once and early.
        identity, unknown = cluster_id(self._client)
        config = self._start(list_kubevirt, self._client)
        listing_vms = self._start(self._list, resource_paths.VMS, workloads.VMS)
        listing_vmis = self._start(self._list, resource_paths.VMIS, workloads.VMIS)
        listing = self._start(self._list, resource_paths.MIGRATIONS, workloads.MIGRATIONS)
        listing_nodes = self._start(list_nodes, self._client)
        listing_policies = self._start(list_migration_policies, self._client)
        reading_owners = self._start(read_owners, self._client)
        # List the CR first: without KubeVirt, the other lists fail with a less clear message.
        kubevirt = config.result()
        vms, vmis, migrations = listing_vms.result(), listing_vmis.result(), listing.result()
        nodes, policies = listing_nodes.result(), listing_policies.result()
        owners = reading_owners.result()
        self._served = owners.served
        types = list_instancetypes(self._client, vms.values)
        return LiveState(
            cluster_id=identity,
            observed_at=observed_at,
            kubevirt=kubevirt.values[0],
            vms={each.ref: each for each in vms.values},
            vmis={each.ref: each for each in vmis.values},
            migrations=workloads.by_vm(migrations.values),
            nodes=nodes.values,
            instancetypes=types.values,
            instancetype_kinds=types.kinds,
            migration_policies=policies.values,
            namespace_labels=policies.namespace_labels,
            owners=owners.values,
            api_groups=owners.groups,
            diagnostics=(
                *kubevirt.diagnostics,
                *vms.diagnostics,
                *vmis.diagnostics,
                *migrations.diagnostics,
                *nodes.diagnostics,
                *types.diagnostics,
                *policies.diagnostics,
                *owners.diagnostics,
                *unknown,
            ),
        )

    def capacity(self) -> Capacity:
        """List pods and quotas in all namespaces, and compute the free capacity.

        Raises:
            ClusterError: The lists cannot be read, for a reason other than missing permissions.
        """
        return read_capacity(self._client, self._clock, self._served, self._start)

    def _list(self, plural: str, kind: Readable[V]) -> Listed[V]:
        return list_all(self._client, resource_paths.collection(plural), kind)
