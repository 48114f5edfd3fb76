"""Reads the cluster once: paged LISTs, decoded page by page, and no request a VM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from reconciler.cluster.api import resource_paths, threads
from reconciler.cluster.api.paging import pages
from reconciler.cluster.decode import wire, workloads
from reconciler.cluster.decode.instancetypes import CLUSTER_WIDE, NAMESPACED
from reconciler.cluster.decode.kubevirt_cr import KubeVirts
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.cluster.read.migration_policy_reader import list_migration_policies
from reconciler.errors import ClusterError, ForbiddenError, KubeVirtMissingError, NotFoundError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.live_state import (
    LiveInstancetype,
    LiveKubeVirt,
    LiveNode,
    LiveState,
    LiveVM,
)
from reconciler.model.references import CLUSTER_INSTANCETYPE, INSTANCETYPE, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable
    from reconciler.model.live.capacity import Capacity
    from reconciler.ports import Clock

V = TypeVar("V")


class _Namespace(msgspec.Struct, frozen=True):
    class Meta(msgspec.Struct, frozen=True):
        uid: str = ""

    metadata: Meta = Meta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[V]):
    """A whole list, and where a watch goes on after it."""

    values: tuple[V, ...]
    resource_version: str
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Instancetypes:
    """What the lists of both kinds of instancetype say."""

    values: Mapping[ObjectRef, LiveInstancetype] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    """The kinds that could be listed."""
    diagnostics: tuple[Diagnostic, ...] = ()


class ClusterReader:
    """Implements ``ports.LiveReader``.

    Args:
        namespace: Only this namespace's VMs, instances and migrations; None means all. The
            KubeVirt CR is looked for in all namespaces.
    """

    def __init__(self, client: Client, *, clock: Clock, namespace: str | None = None) -> None:
        self._client = client
        self._clock = clock
        self._namespace = namespace

    def read(self) -> LiveState:
        """One snapshot; the lists are read side by side, each at its own moment.

        Raises:
            KubeVirtMissingError: There is no KubeVirt, no CR of it, or more than one.
            ClusterError: The cluster cannot be read.
        """
        observed_at = self._clock.now()
        # Alone and first: a server that does not answer is then told once, and soon.
        identity, unknown = cluster_id(self._client)
        config = threads.begin(list_kubevirt, self._client)
        vms = threads.begin(self._list, resource_paths.VMS, workloads.VMS)
        vmis = threads.begin(self._list, resource_paths.VMIS, workloads.VMIS)
        migrations = threads.begin(self._list, resource_paths.MIGRATIONS, workloads.MIGRATIONS)
        nodes = threads.begin(list_nodes, self._client)
        policies = threads.begin(list_migration_policies, self._client)
        # The CR first: without KubeVirt, the others fail too, and less clearly.
        found = config.result()
        lists = (found, vms.result(), vmis.result(), migrations.result())
        capacity = nodes.result()
        types = list_instancetypes(self._client, lists[1].values, self._namespace)
        return LiveState(
            cluster_id=identity,
            observed_at=observed_at,
            kubevirt=found.values[0],
            vms={each.ref: each for each in lists[1].values},
            vmis={each.ref: each for each in lists[2].values},
            migrations=workloads.by_vm(lists[3].values),
            nodes=capacity.values,
            instancetypes=types.values,
            instancetype_kinds=types.kinds,
            migration_policies=policies.result().values,
            namespace_labels=policies.result().namespace_labels,
            diagnostics=(
                *(each for listed in lists for each in listed.diagnostics),
                *capacity.diagnostics,
                *types.diagnostics,
                *policies.result().diagnostics,
                *unknown,
            ),
        )

    def capacity(self) -> Capacity:
        """Pods and quotas of all namespaces; what may not be listed is left out, and told.

        Raises:
            ClusterError: They cannot be read, for another reason.
        """
        return read_capacity(self._client, self._clock)

    def _list(self, plural: str, kind: Readable[V]) -> Listed[V]:
        return list_all(self._client, resource_paths.collection(plural, self._namespace), kind)


def list_all(client: Client, path: str, kind: Readable[V]) -> Listed[V]:
    """Every object at *path*, decoded page by page.

    Raises:
        KubeVirtMissingError: The server does not know the kind.
        ClusterError: The list cannot be read.
    """
    values: list[V] = []
    findings: list[Diagnostic] = []
    version = ""
    try:
        for page in pages(client, path):
            if page.first:
                values.clear()
                findings.clear()
                version = page.resource_version
            decoded = kind.page(page.body)
            values += decoded.values
            findings += decoded.diagnostics
    except NotFoundError as error:
        raise _not_installed(client.host) from error
    return Listed(values=tuple(values), resource_version=version, diagnostics=tuple(findings))


def list_kubevirt(client: Client) -> Listed[LiveKubeVirt]:
    """The one KubeVirt CR of the cluster, as a list of one.

    Raises:
        KubeVirtMissingError: There is none, or more than one.
        ClusterError: The list or the CR cannot be read.
    """
    listed = list_all(client, resource_paths.collection(resource_paths.KUBEVIRTS), KubeVirts())
    if not listed.values and listed.diagnostics:
        raise ClusterError(f"at {client.host}, {listed.diagnostics[0].message}")
    if len(listed.values) != 1:
        raise wrong_number(client.host, (each.ref for each in listed.values))
    return listed


def list_nodes(client: Client) -> Listed[LiveNode]:
    """The nodes; none and a finding where they may not be listed."""
    try:
        listed = list_all(client, resource_paths.NODES, workloads.NODES)
    except ForbiddenError:
        finding = _warning(
            "nodes-unreadable",
            "nodes may not be listed, so whether another node has room is not known",
            "grant list on nodes",
        )
        return Listed(values=(), resource_version="", diagnostics=(finding,))
    ordered = tuple(sorted(listed.values, key=lambda node: node.name))
    return Listed(
        values=ordered, resource_version=listed.resource_version, diagnostics=listed.diagnostics
    )


def list_instancetypes(
    client: Client, vms: Iterable[LiveVM], namespace: str | None = None
) -> Instancetypes:
    """Both kinds, with two requests; nothing and no request where none of *vms* has one.

    Raises:
        ClusterError: A list cannot be read, for another reason than that it may not or is absent.
    """
    if not any(vm.instancetype for vm in vms):
        return Instancetypes()
    found: dict[str, Listed[LiveInstancetype] | Diagnostic] = {
        INSTANCETYPE: _list_types(client, NAMESPACED, resource_paths.INSTANCETYPES, namespace),
        CLUSTER_INSTANCETYPE: _list_types(
            client, CLUSTER_WIDE, resource_paths.CLUSTER_INSTANCETYPES
        ),
    }
    read = {kind: each for kind, each in found.items() if isinstance(each, Listed)}
    return Instancetypes(
        values={value.ref: value for listed in read.values() for value in listed.values},
        kinds=frozenset(read),
        diagnostics=(
            *(finding for listed in read.values() for finding in listed.diagnostics),
            *(each for each in found.values() if isinstance(each, Diagnostic)),
        ),
    )


def _list_types(
    client: Client, kind: Readable[LiveInstancetype], plural: str, namespace: str | None = None
) -> Listed[LiveInstancetype] | Diagnostic:
    path = resource_paths.collection(plural, namespace, resource_paths.INSTANCETYPE_API)
    try:
        return list_all(client, path, kind)
    except ForbiddenError:
        why, hint = "may not be listed", f"grant list on {plural} of instancetype.kubevirt.io"
    except KubeVirtMissingError:
        why, hint = "are not known to the server", "look at the CRDs that KubeVirt installs"
    return _warning(
        "instancetypes-unreadable", f"{plural} {why}; the memory that they give is unknown", hint
    )


def cluster_id(client: Client) -> tuple[str, tuple[Diagnostic, ...]]:
    """The uid of the namespace kube-system; empty and a finding where it may not be read.

    Raises:
        ClusterError: The server does not answer, or is no API server.
    """
    try:
        body = client.get(resource_paths.CLUSTER_IDENTITY)
    except ForbiddenError:
        finding = _warning(
            "cluster-id-unknown",
            "the namespace kube-system may not be read, so the cluster's identity is not known",
            "grant get on the namespace kube-system",
        )
        return "", (finding,)
    try:
        return msgspec.json.decode(body, type=_Namespace).metadata.uid, ()
    except wire.UNDECODABLE as error:
        what = f"the answer of {client.host} is no Namespace"
        raise ClusterError(what, hint="check that the server is an API server") from error


def wrong_number(host: str, refs: Iterable[ObjectRef]) -> KubeVirtMissingError:
    """The error for *refs*, which are not exactly one KubeVirt CR."""
    found = sorted(f"{ref.namespace}/{ref.name}" for ref in refs)
    if not found:
        return KubeVirtMissingError(
            f"the cluster at {host} has no KubeVirt CR",
            hint="create one, or use the context of a cluster that runs KubeVirt",
        )
    return KubeVirtMissingError(
        f"the cluster at {host} has {len(found)} KubeVirt CRs, where KubeVirt expects one:"
        f" {', '.join(found)}",
        hint="delete all but the one that virt-operator follows",
    )


def _not_installed(host: str) -> KubeVirtMissingError:
    return KubeVirtMissingError(
        f"KubeVirt is not installed at {host}: the server does not know its kinds",
        hint="install KubeVirt, or use the context of a cluster that runs it",
    )


def _warning(code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(severity=Severity.WARNING, code=code, message=message, hint=hint)
