"""Resource: the API resources that the simulated API server serves.

Source: discovery documents and strategies of kube-apiserver v1.36 (pkg/registry), and the
CustomResourceDefinitions of KubeVirt v1.9.0 (crds/).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

ALL_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)
READ_VERBS: Final = ("get", "list", "watch")
STATUS_VERBS: Final = ("get", "patch", "update")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An API resource that the simulated API server serves in one group and version."""

    group: str
    """The API group, or an empty string for the core group."""
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    status: bool = False
    """Whether the API resource has a status subresource."""
    generation: bool = False
    """Whether objects have a metadata.generation, which the API server increments."""
    custom: bool = False
    """Whether a CustomResourceDefinition defines the API resource."""
    stored_as: str = ""
    """The storage key of another API resource that stores these objects.

    Events have two API groups, and HyperConverged has two versions.
    """
    unconditional_update: bool = True
    """Whether a PUT request can omit metadata.resourceVersion."""
    create_on_update: bool = False
    """Whether a PUT request for an object that does not exist creates the object."""
    optional: bool = False
    """Whether only some simulated clusters serve the API resource."""
    storage_key: str = ""
    """The name in object store keys, if another API version already uses the usual name."""

    @property
    def qualified(self) -> str:
        """The plural name and API group: `virtualmachines.kubevirt.io`, or `nodes` (core)."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage(self) -> str:
        """The name of the API resource in object store keys."""
        return self.stored_as or self.storage_key or self.qualified

    @property
    def api_version(self) -> str:
        """The apiVersion of the objects: `kubevirt.io/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


def _resource(
    group: str, version: str, plural: str, kind: str, *short: str, **flags: bool
) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        short_names=short,
        categories=_CATEGORIES.get(group, ()),
        verbs=_VERBS.get(group, ALL_VERBS),
        stored_as="events" if group == "events.k8s.io" else "",
        storage_key="",
        **flags,
    )


def _core(plural: str, kind: str, *short: str, **flags: bool) -> Resource:
    return _resource("", "v1", plural, kind, *short, **flags)


def _custom(
    group: str, version: str, plural: str, kind: str, *short: str, **flags: bool
) -> Resource:
    flags = {"generation": True, "custom": True, "unconditional_update": False, **flags}
    return _resource(group, version, plural, kind, *short, **flags)


_RBAC: Final = ("rbac.authorization.k8s.io", "v1")
_KUBEVIRT: Final = ("kubevirt.io", "v1")
_INSTANCETYPE: Final = ("instancetype.kubevirt.io", "v1beta1")
_CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "batch": ("all",),
    "kubevirt.io": ("all",),
    "apiextensions.k8s.io": ("api-extensions",),
}
_VERBS: Final = {
    "apiextensions.k8s.io": READ_VERBS,
    "authentication.k8s.io": ("create",),
    "authorization.k8s.io": ("create",),
}


def _hyperconverged(version: str, storage_key: str = "") -> Resource:
    names = ("hyperconvergeds", "HyperConverged", "hco", "hcos")
    made = _custom("hco.kubevirt.io", version, *names, status=True)
    return replace(made, optional=True, storage_key=storage_key)


_ALWAYS: Final[tuple[Resource, ...]] = (
    _core("namespaces", "Namespace", "ns", namespaced=False, status=True),
    _core("nodes", "Node", "no", namespaced=False, status=True),
    _core("pods", "Pod", "po", status=True, generation=True),
    _core("events", "Event", "ev", create_on_update=True),
    _core("serviceaccounts", "ServiceAccount", "sa"),
    _core("secrets", "Secret"),
    _core("configmaps", "ConfigMap", "cm"),
    _core("resourcequotas", "ResourceQuota", "quota", status=True),
    _core("limitranges", "LimitRange", "limits"),
    _resource("apps", "v1", "controllerrevisions", "ControllerRevision"),
    _resource("batch", "v1", "jobs", "Job", status=True, generation=True),
    _resource("batch", "v1", "cronjobs", "CronJob", "cj", status=True, generation=True),
    _resource(
        "coordination.k8s.io",
        "v1",
        "leases",
        "Lease",
        unconditional_update=False,
        create_on_update=True,
    ),
    _resource("events.k8s.io", "v1", "events", "Event", "ev", create_on_update=True),
    _resource(*_RBAC, "roles", "Role", create_on_update=True),
    _resource(*_RBAC, "rolebindings", "RoleBinding", create_on_update=True),
    _resource(*_RBAC, "clusterroles", "ClusterRole", namespaced=False, create_on_update=True),
    _resource(
        *_RBAC,
        "clusterrolebindings",
        "ClusterRoleBinding",
        namespaced=False,
        create_on_update=True,
    ),
    _resource(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd",
        "crds",
        namespaced=False,
    ),
    _custom(*_KUBEVIRT, "kubevirts", "KubeVirt", "kv", "kvs", status=True),
    _custom(*_KUBEVIRT, "virtualmachines", "VirtualMachine", "vm", "vms", status=True),
    # VMIs have no status subresource: KubeVirt's controllers write the status with the object.
    _custom(*_KUBEVIRT, "virtualmachineinstances", "VirtualMachineInstance", "vmi", "vmis"),
    _custom(
        *_KUBEVIRT,
        "virtualmachineinstancemigrations",
        "VirtualMachineInstanceMigration",
        "vmim",
        "vmims",
        status=True,
    ),
    _custom(
        "migrations.kubevirt.io",
        "v1alpha1",
        "migrationpolicies",
        "MigrationPolicy",
        namespaced=False,
        status=True,
    ),
    _custom(
        *_INSTANCETYPE,
        "virtualmachineinstancetypes",
        "VirtualMachineInstancetype",
        "vminstancetype",
        "vminstancetypes",
        "vmf",
        "vmfs",
    ),
    _custom(
        *_INSTANCETYPE,
        "virtualmachineclusterinstancetypes",
        "VirtualMachineClusterInstancetype",
        "vmclusterinstancetype",
        "vmclusterinstancetypes",
        "vmcf",
        "vmcfs",
        namespaced=False,
    ),
)


def _aaq(plural: str, kind: str, *short: str, namespaced: bool = False) -> Resource:
    made = _custom(
        "aaq.kubevirt.io", "v1alpha1", plural, kind, *short, namespaced=namespaced, status=True
    )
    return replace(made, optional=True)


OPTIONAL: Final[tuple[Resource, ...]] = (
    _aaq(
        "applicationawareresourcequotas", "ApplicationAwareResourceQuota", "arq", namespaced=True
    ),
    _aaq("applicationawareclusterresourcequotas", "ApplicationAwareClusterResourceQuota", "acrq"),
    _aaq("aaqs", "AAQ"),
    _hyperconverged("v1beta1"),
    _hyperconverged("v1", storage_key="hyperconvergeds.v1.hco.kubevirt.io"),
    replace(
        _custom("harvesterhci.io", "v1beta1", "settings", "Setting", namespaced=False),
        optional=True,
    ),
    replace(
        _resource(
            "internal.virtualization.deckhouse.io",
            "v1",
            "internalvirtualizationkubevirts",
            "InternalVirtualizationKubeVirt",
        ),
        optional=True,
    ),
)
"""The API resources of other operators, which not every simulated cluster serves."""

DECKHOUSE_API: Final = "internal.virtualization.deckhouse.io/v1"
"""The API version in which Deckhouse's fork of KubeVirt serves the kinds of KubeVirt, renamed.

The simulator serves only the renamed KubeVirt CR. Source: deckhouse/virtualization v1.10.2.
"""

CATALOGUE: Final = (*_ALWAYS, *OPTIONAL)

REVIEWS: Final[tuple[Resource, ...]] = tuple(
    _resource(group, "v1", f"{kind.lower()}s", kind, namespaced=False)
    for group, kind in (
        ("authentication.k8s.io", "SelfSubjectReview"),
        ("authorization.k8s.io", "SelfSubjectAccessReview"),
        ("authorization.k8s.io", "SelfSubjectRulesReview"),
    )
)
"""The review kinds, to which the API server responds without storing an object."""

SERVED: Final = (*CATALOGUE, *REVIEWS)

_BY_PATH: Final = {(r.group, r.version, r.plural): r for r in SERVED}
_BY_STORAGE: Final = {r.storage: r for r in CATALOGUE if not r.stored_as}


def served(resource: Resource, installed: frozenset[str]) -> bool:
    """Returns whether a server with the given optional API versions serves an API resource."""
    if DECKHOUSE_API in installed and resource.group.endswith("kubevirt.io"):
        return False
    return not resource.optional or resource.api_version in installed


def beside(resource: Resource, installed: frozenset[str]) -> Resource:
    """Returns an API resource as the server stores it, given the optional API versions."""
    if resource.api_version == "hco.kubevirt.io/v1beta1" and "hco.kubevirt.io/v1" in installed:
        return replace(resource, stored_as="hyperconvergeds.v1.hco.kubevirt.io")
    return resource


def find(group: str, version: str, plural: str) -> Resource | None:
    """Returns the API resource with a group, version and plural, or None if it is not served."""
    return _BY_PATH.get((group, version, plural))


def stored(storage: str) -> Resource:
    """Returns the API resource whose objects are stored under a storage key.

    Raises:
        LookupError: The simulator does not store such a resource.
    """
    resource = _BY_STORAGE.get(storage)
    if resource is None:
        raise LookupError(
            f"the simulator does not store {storage!r}; stored resources: {sorted(_BY_STORAGE)}"
        )
    return resource
