"""RequestInfo: the verb, resource and name that the method and URL path of a request specify.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/request/requestinfo.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.simulator.store import api_resources
from reconciler.simulator.store.api_resources import Resource

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.http_messages import Request

_ITEM_VERBS: Final = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """The verb, resource, subresource, namespace and name in an API request."""

    verb: str
    """The RBAC verb: get, list, watch, create, update, patch, delete or deletecollection."""
    group: str
    version: str
    plural: str
    namespace: str
    """The namespace, or an empty string for cluster scope and for all namespaces."""
    name: str
    """The name of the object, or an empty string for a collection."""
    subresource: str
    resource: Resource | None
    """The API resource, or None if the server does not store it (subresources.kubevirt.io)."""

    @property
    def resource_path(self) -> str:
        """The resource in an RBAC rule: `virtualmachines` or `virtualmachines/status`."""
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


def parse(request: Request) -> RequestInfo | None:
    """Parses the URL path of an API resource; returns None for any other URL path."""
    parts = request.path.strip("/").split("/")
    match parts:
        case ["api", version, *rest] if rest:
            group = ""
        case ["apis", group, version, *rest] if rest:
            pass
        case _:
            return None
    namespace, rest = _split_namespace(group, rest)
    plural, name, subresource, *more = (*rest, "", "")[: max(3, len(rest))]
    if more or not plural:
        return None
    if plural == "namespaces" and not group:
        namespace = name
    return RequestInfo(
        verb=_verb(request, name),
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        name=name,
        subresource=subresource,
        resource=api_resources.find(group, version, plural),
    )


def _split_namespace(group: str, rest: list[str]) -> tuple[str, list[str]]:
    if rest[0] != "namespaces" or len(rest) < 3:  # noqa: PLR2004  # namespaces/NAME/resource
        return "", rest
    if not group and rest[2] in _NAMESPACE_SUBRESOURCES:
        return "", rest
    return rest[1], rest[2:]


def _verb(request: Request, name: str) -> str:
    if request.method in {"GET", "HEAD"} and request.flag("watch"):
        return "watch"
    if name:
        return _ITEM_VERBS.get(request.method, "")
    collection = {"GET": "list", "HEAD": "list", "POST": "create", "DELETE": "deletecollection"}
    return collection.get(request.method, "")
