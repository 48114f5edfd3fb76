"""``require``: checks before the first write that all required permissions are granted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.decoders import json_decoder
from reconciler.errors import ClusterError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.cluster.api.client import Client
    from reconciler.model.plan.plan import Plan

_KUBEVIRT = "kubevirt.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A permission to use one verb on one resource, in one namespace or in all namespaces."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        kind = f"{resource}.{self.group}" if self.group else resource
        name = f" {self.name}" if self.name else ""
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {kind}{name}{where}"


_LISTED = (
    resource_paths.KUBEVIRTS,
    resource_paths.VMS,
    resource_paths.VMIS,
    resource_paths.MIGRATIONS,
)
PLAN_RIGHTS = tuple(Right(verb="list", group=_KUBEVIRT, resource=each) for each in _LISTED)
"""The permissions that are required to make a plan."""


def apply_rights(
    lease_namespace: str,
    *,
    config_lease: str | None = None,
    memory_lease: str | None = None,
    create: bool = False,
    restart: bool = False,
    written: tuple[Right, ...] = (),
) -> tuple[Right, ...]:
    """Return the permissions that are required to apply a plan.

    Args:
        lease_namespace: The namespace of the Leases and the KubeVirt CR.
        config_lease: The name of the Lease for the KubeVirt CR; None if the CR is not patched.
        memory_lease: The name of the Lease for the VMs; None if no VM is written.
        create: Whether the apply creates VMs.
        restart: Whether the apply restarts VMs.
        written: The permissions to patch other custom resources instead of the KubeVirt CR.
    """
    # A run reads a single VM only before it restarts it.
    verbs = {"get": restart, "patch": memory_lease, "create": create}
    rights = [
        *PLAN_RIGHTS,
        *(
            Right(verb=verb, group=_KUBEVIRT, resource=resource_paths.VMS)
            for verb, needed in verbs.items()
            if needed
        ),
    ]
    if restart:
        rights.append(
            Right(
                verb="update",
                group=f"subresources.{_KUBEVIRT}",
                resource=resource_paths.VMS,
                subresource="restart",
            )
        )
    rights += written
    if config_lease and not written:
        rights.append(
            Right(
                verb="patch",
                group=_KUBEVIRT,
                resource=resource_paths.KUBEVIRTS,
                namespace=lease_namespace,
            )
        )
    leases = [name for name in (config_lease, memory_lease) if name]
    # RBAC cannot restrict create to a name, because authorization does not see the name.
    named = [("create", ""), *((verb, name) for name in leases for verb in ("get", "update"))]
    rights += (
        Right(
            verb=verb,
            group="coordination.k8s.io",
            resource="leases",
            namespace=lease_namespace,
            name=name,
        )
        for verb, name in named
    )
    return tuple(rights)


def owner_rights(plan: Plan) -> tuple[Right, ...]:
    """Return the permissions to patch the custom resources that determine the KubeVirt CR.

    The result also covers changes to settings that the operator has not copied yet.
    """
    changes = (change for each in plan.decisions for change in each.changes)
    targets = {change.written.target.ref for change in changes if change.written is not None}
    return tuple(
        Right(
            verb="patch",
            group=ref.group,
            resource=resource_paths.plural_of(ref),
            namespace=ref.namespace,
            name="" if ref.namespace else ref.name,
        )
        for ref in sorted(targets)
    )


class _Status(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Review(msgspec.Struct, frozen=True):
    status: _Status


def may(client: Client, right: Right) -> bool:
    """Send a SelfSubjectAccessReview, and return whether the credentials have a permission.

    Raises:
        ClusterError: The review request failed.
    """
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "subresource": right.subresource,
        "namespace": right.namespace,
        "name": right.name,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
    }
    answer = client.send("POST", resource_paths.ACCESS_REVIEWS, body=body)
    try:
        return json_decoder(_Review).decode(answer.body).status.allowed
    except UNDECODABLE as error:
        what = (
            f"the response of {client.host} to an access review (SelfSubjectAccessReview) "
            f"cannot be read: {error}"
        )
        raise ClusterError(
            what,
            hint="check that `server` in the kubeconfig is the URL of a Kubernetes API server",
        ) from error


def require(client: Client, rights: Iterable[Right]) -> None:
    """Check that the credentials have all required permissions.

    Raises:
        ForbiddenError: Some permissions are missing; the message lists all of them.
        ClusterError: A review request failed.
    """
    missing = [right for right in rights if not may(client, right)]
    if missing:
        raise ForbiddenError(
            f"the credentials lack {len(missing)} required permissions at {client.host}:"
            f" {', '.join(str(right) for right in missing)}",
            hint="grant these permissions with a Role or ClusterRole, or use another context",
            status=403,
        )
