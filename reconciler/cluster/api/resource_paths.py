"""Builds Kubernetes API paths, and describes them in messages and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.plan.kubevirt.owners.owner_table import object_of

if TYPE_CHECKING:
    from reconciler.model.references import ObjectRef

KUBEVIRT_API = "/apis/kubevirt.io/v1"
KUBEVIRTS = "kubevirts"
VMS = "virtualmachines"
VMIS = "virtualmachineinstances"
MIGRATIONS = "virtualmachineinstancemigrations"
NODES = "/api/v1/nodes"
PODS = "/api/v1/pods"
QUOTAS = "/api/v1/resourcequotas"
LIMIT_RANGES = "/api/v1/limitranges"
INSTANCETYPE_API = "/apis/instancetype.kubevirt.io/v1beta1"
INSTANCETYPES = "virtualmachineinstancetypes"
CLUSTER_INSTANCETYPES = "virtualmachineclusterinstancetypes"
CLUSTER_IDENTITY = "/api/v1/namespaces/kube-system"
"""The API path of the namespace kube-system, whose uid identifies the cluster."""
LEASES_API = "/apis/coordination.k8s.io/v1"
EVENTS_API = "/apis/events.k8s.io/v1"
ACTIONS_API = "/apis/subresources.kubevirt.io/v1"
"""The API path of the group with the VM subresources, which virt-api serves."""
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

_VERBS = {"WATCH": "watch", "POST": "create", "PATCH": "patch", "PUT": "update"}
GROUPS = "/apis"
"""The API path that lists the API groups; every authenticated user can read this path."""
_PLURALS = {"KubeVirt": KUBEVIRTS, "VirtualMachine": VMS}


def collection(plural: str, namespace: str | None = None, api: str = KUBEVIRT_API) -> str:
    """Return the API path of a resource type, in one namespace or by default in all namespaces."""
    if namespace:
        return f"{api}/namespaces/{quote(namespace, safe='')}/{plural}"
    return f"{api}/{plural}"


def member(plural: str, namespace: str, name: str, api: str = KUBEVIRT_API) -> str:
    """Return the API path of an object with a namespace."""
    return f"{collection(plural, namespace, api)}/{quote(name, safe='')}"


def of(ref: ObjectRef, version: str = "v1") -> str:
    """Return the API path, with a given API version, of an object that this program writes."""
    return member(plural_of(ref), ref.namespace, ref.name, f"/apis/{ref.group}/{version}")


def plural_of(ref: ObjectRef) -> str:
    """Return the plural resource name for the kind of an object that this program writes."""
    return _PLURALS.get(ref.kind) or object_of(ref.kind).plural


def siblings(ref: ObjectRef) -> str:
    """Return the API path of the collection to which an object belongs."""
    return collection(plural_of(ref), ref.namespace)


def restart(ref: ObjectRef) -> str:
    """Return the API path of the restart subresource of a VM."""
    return f"{member(VMS, ref.namespace, ref.name, ACTIONS_API)}/restart"


def api_verb(method: str, path: str) -> str:
    """Return the Kubernetes verb of a request, such as ``list`` for the GET of a collection.

    *method* is the HTTP method, or WATCH.
    """
    if method != "GET":
        return _VERBS.get(method, method.lower())
    match _parts(path):
        case [_] | ["namespaces", _, _]:
            return "list"
        case _:
            return "get"


def _parts(path: str) -> list[str]:
    """Return the segments of an API path after its API group and version."""
    parts = [part for part in path.split("/") if part]
    return parts[2:] if parts[:1] == ["api"] else parts[3:]


def spoken(path: str) -> str:
    """Convert an API path to words for messages, for example ``virtualmachines db/pg-0``."""
    parts = _parts(path)
    match parts:
        case ["namespaces", namespace, plural]:
            return f"{plural} in {namespace}"
        case ["namespaces", namespace, plural, name, *_]:
            return f"{plural} {namespace}/{name}"
        case _:
            return " ".join(parts) or path
