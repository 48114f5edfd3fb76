"""Lists the objects of one kind: VMs, nodes, instancetypes or the KubeVirt CR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.api.paging import pages, unreadable
from reconciler.cluster.decode import cluster_nodes
from reconciler.cluster.decode.instancetypes import CLUSTER_WIDE, NAMESPACED
from reconciler.cluster.decode.kubevirt_cr import KubeVirts
from reconciler.cluster.decode.pages import UnreadableError, limit_unreadable
from reconciler.cluster.read.api_groups import served_groups
from reconciler.decoders import json_decoder
from reconciler.errors import ClusterError, ForbiddenError, KubeVirtMissingError, NotFoundError
from reconciler.model.diagnostic import Diagnostic, warning
from reconciler.model.live.live_state import LiveInstancetype, LiveKubeVirt, LiveNode, LiveVM
from reconciler.model.references import CLUSTER_INSTANCETYPE, INSTANCETYPE, ObjectRef
from reconciler.plan.kubevirt.owners import deckhouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.decode.pages import Readable

V = TypeVar("V")


class _Namespace(msgspec.Struct, frozen=True, tag_field="kind", tag="Namespace"):
    class Meta(msgspec.Struct, frozen=True):
        uid: str = ""

    metadata: Meta = Meta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[V]):
    """A complete list of objects, and the resourceVersion from which a watch can continue."""

    values: tuple[V, ...]
    resource_version: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Instancetypes:
    """The namespaced and cluster-wide instancetypes of a cluster."""

    values: Mapping[ObjectRef, LiveInstancetype] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    """The instancetype kinds that could be listed: namespaced, cluster-wide or both."""
    diagnostics: tuple[Diagnostic, ...] = ()


def list_all(client: Client, path: str, kind: Readable[V]) -> Listed[V]:
    """List all objects of a KubeVirt kind page by page.

    Raises:
        KubeVirtMissingError: The server does not know the kind.
        ClusterError: The list cannot be read.
    """
    try:
        return list_kind(client, path, kind)
    except NotFoundError as error:
        raise KubeVirtMissingError(
            f"KubeVirt is not installed at {client.host}: the API server does not serve the "
            "KubeVirt API",
            hint=_without_kubevirt(client),
        ) from error


def _without_kubevirt(client: Client) -> str:
    """Return a hint for a cluster without KubeVirt CRDs; mention Deckhouse if it is installed."""
    try:
        deckhouse_runs = deckhouse.GROUP in served_groups(client).platforms
    except ClusterError:
        deckhouse_runs = False
    if deckhouse_runs:
        return f"this cluster runs Deckhouse virtualization: {deckhouse.HINT}"
    return "install KubeVirt, or use the context of a cluster that runs it"


def list_kind(client: Client, path: str, kind: Readable[V]) -> Listed[V]:
    """List all objects of a kind page by page.

    Raises:
        NotFoundError: The server does not know the kind.
        ClusterError: The list cannot be read.
    """
    values: list[V] = []
    findings: list[Diagnostic] = []
    version = ""
    for page in pages(client, path):
        if page.first:
            values.clear()
            findings.clear()
            version = page.resource_version
        try:
            decoded = kind.page(page.body)
        except UnreadableError as error:
            raise unreadable(client, path, str(error)) from error
        values += decoded.values
        findings += decoded.diagnostics
        limit_unreadable(findings)
    return Listed(values=tuple(values), resource_version=version, diagnostics=tuple(findings))


def list_kubevirt(client: Client) -> Listed[LiveKubeVirt]:
    """Read the KubeVirt CR, of which a cluster must have exactly one.

    Raises:
        KubeVirtMissingError: The cluster has no KubeVirt CR, or several.
        ClusterError: The list or the CR cannot be read.
    """
    listed = list_all(client, resource_paths.collection(resource_paths.KUBEVIRTS), KubeVirts())
    if not listed.values and listed.diagnostics:
        raise unreadable_kubevirt(client.host, listed.diagnostics)
    if len(listed.values) != 1:
        raise wrong_number(client.host, (each.ref for each in listed.values))
    return listed


def list_nodes(client: Client) -> Listed[LiveNode]:
    """List the nodes, sorted by name; without permission, return a diagnostic and no nodes."""
    try:
        listed = list_all(client, resource_paths.NODES, cluster_nodes.NODES)
    except ForbiddenError:
        finding = warning(
            "nodes-unreadable",
            "no permission to list nodes, so free memory on other nodes is unknown",
            "grant permission to list nodes",
        )
        return Listed(values=(), resource_version="", diagnostics=(finding,))
    ordered = tuple(sorted(listed.values, key=lambda node: node.name))
    return Listed(
        values=ordered, resource_version=listed.resource_version, diagnostics=listed.diagnostics
    )


def list_instancetypes(client: Client, vms: Iterable[LiveVM]) -> Instancetypes:
    """List namespaced and cluster-wide instancetypes, unless no VM uses an instancetype.

    Raises:
        ClusterError: A list cannot be read, although the permission and the kind exist.
    """
    if not any(vm.instancetype for vm in vms):
        return Instancetypes()
    found: dict[str, Listed[LiveInstancetype] | Diagnostic] = {
        INSTANCETYPE: _list_types(client, NAMESPACED, resource_paths.INSTANCETYPES),
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
    client: Client, kind: Readable[LiveInstancetype], plural: str
) -> Listed[LiveInstancetype] | Diagnostic:
    path = resource_paths.collection(plural, api=resource_paths.INSTANCETYPE_API)
    try:
        return list_all(client, path, kind)
    except ForbiddenError:
        why = f"no permission to list {plural}"
        hint = f"grant permission to list {plural} in the API group instancetype.kubevirt.io"
    except KubeVirtMissingError:
        why, hint = (
            f"the API server does not serve {plural}",
            "check whether the CRDs of KubeVirt are installed",
        )
    return warning(
        "instancetypes-unreadable",
        f"{why}, so the memory sizes in instancetypes are unknown",
        hint,
    )


def cluster_id(client: Client) -> tuple[str, tuple[Diagnostic, ...]]:
    """Return the uid of the namespace kube-system, which identifies the cluster.

    Without permission, the result is an empty uid and a diagnostic.

    Raises:
        ClusterError: The server does not respond, or is not an API server.
    """
    try:
        body = client.get(resource_paths.CLUSTER_IDENTITY)
    except ForbiddenError:
        finding = warning(
            "cluster-id-unknown",
            "no permission to get the namespace kube-system, so the cluster ID is unknown",
            "grant permission to get the namespace kube-system",
        )
        return "", (finding,)
    try:
        return json_decoder(_Namespace).decode(body).metadata.uid, ()
    except UNDECODABLE as error:
        what = f"the response of {client.host} is not a Namespace"
        raise ClusterError(
            what,
            hint="check that `server` in the kubeconfig is the URL of a Kubernetes API server",
        ) from error


def unreadable_kubevirt(host: str, findings: Sequence[Diagnostic]) -> ClusterError:
    """Return the error for a cluster whose KubeVirt CR is unreadable."""
    return ClusterError(f"at {host}, {findings[0].message}")


def wrong_number(host: str, refs: Iterable[ObjectRef]) -> KubeVirtMissingError:
    """Return the error for a cluster that does not have exactly one KubeVirt CR."""
    found = sorted(f"{ref.namespace}/{ref.name}" for ref in refs)
    if not found:
        return KubeVirtMissingError(
            f"the cluster at {host} has no KubeVirt CR",
            hint="create a KubeVirt CR, or use the context of a cluster that has one",
        )
    return KubeVirtMissingError(
        f"the cluster at {host} has {len(found)} KubeVirt CRs, but KubeVirt expects one:"
        f" {', '.join(found)}",
        hint="delete every KubeVirt CR except the one that virt-operator uses",
    )
