"""The catalogue of resources that the simulated API server serves.

Source: discovery documents and strategies of kube-apiserver v1.36 (pkg/registry), and the
CustomResourceDefinitions of KubeVirt v1.9.0 (crds/).
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """One resource at one group and version."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    status: bool = False
    """Whether it has a status subresource."""
    generation: bool = False
    """Whether the server counts generations."""
    custom: bool = False
    """Whether a CustomResourceDefinition defines it."""
    stored_as: str = ""
    """The storage key where another resource owns the storage (events)."""
    unconditional_update: bool = True
    """Whether a PUT may leave out metadata.resourceVersion."""
    create_on_update: bool = False
    """Whether a PUT of an absent object creates it."""

    @property
    def qualified(self) -> str:
        """`virtualmachines.kubevirt.io`, or `nodes` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage(self) -> str:
        """The resource name that store keys carry."""
        return self.stored_as or self.qualified

    @property
    def api_version(self) -> str:
        """`kubevirt.io/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


def _core(plural: str, kind: str, *short: str, **flags: bool) -> Resource:
    return Resource(
        group="",
        version="v1",
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        short_names=short,
        **flags,  # type: ignore[arg-type]  # every flag given below is a boolean field
    )


def _rbac(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource(
        group="rbac.authorization.k8s.io",
        version="v1",
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        namespaced=namespaced,
        create_on_update=True,
    )


def _kubevirt(
    plural: str, kind: str, *short: str, group: str = "kubevirt.io", status: bool = True
) -> Resource:
    return Resource(
        group=group,
        version="v1",
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        short_names=short,
        categories=("all",),
        status=status,
        generation=True,
        custom=True,
        unconditional_update=False,
    )


def _custom(
    group: str, version: str, plural: str, kind: str, *short: str, **flags: bool
) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        short_names=short,
        generation=True,
        custom=True,
        unconditional_update=False,
        **flags,  # type: ignore[arg-type]  # every flag given below is a boolean field
    )


CATALOGUE: Final[tuple[Resource, ...]] = (
    _core("namespaces", "Namespace", "ns", namespaced=False, status=True),
    _core("nodes", "Node", "no", namespaced=False, status=True),
    _core("pods", "Pod", "po", status=True, generation=True),
    _core("events", "Event", "ev", create_on_update=True),
    _core("serviceaccounts", "ServiceAccount", "sa"),
    _core("secrets", "Secret"),
    _core("configmaps", "ConfigMap", "cm"),
    _core("resourcequotas", "ResourceQuota", "quota", status=True),
    _core("limitranges", "LimitRange", "limits"),
    Resource(
        group="apps",
        version="v1",
        plural="controllerrevisions",
        singular="controllerrevision",
        kind="ControllerRevision",
    ),
    Resource(
        group="batch",
        version="v1",
        plural="jobs",
        singular="job",
        kind="Job",
        categories=("all",),
        status=True,
        generation=True,
    ),
    Resource(
        group="batch",
        version="v1",
        plural="cronjobs",
        singular="cronjob",
        kind="CronJob",
        short_names=("cj",),
        categories=("all",),
        status=True,
        generation=True,
    ),
    Resource(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        singular="lease",
        kind="Lease",
        unconditional_update=False,
        create_on_update=True,
    ),
    Resource(
        group="events.k8s.io",
        version="v1",
        plural="events",
        singular="event",
        kind="Event",
        short_names=("ev",),
        stored_as="events",
        create_on_update=True,
    ),
    _rbac("roles", "Role", namespaced=True),
    _rbac("rolebindings", "RoleBinding", namespaced=True),
    _rbac("clusterroles", "ClusterRole", namespaced=False),
    _rbac("clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Resource(
        group="apiextensions.k8s.io",
        version="v1",
        plural="customresourcedefinitions",
        singular="customresourcedefinition",
        kind="CustomResourceDefinition",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        verbs=READ_VERBS,
    ),
    _kubevirt("kubevirts", "KubeVirt", "kv", "kvs"),
    _kubevirt("virtualmachines", "VirtualMachine", "vm", "vms"),
    # KubeVirt's controllers write VMI status through the main resource: no status subresource.
    _kubevirt("virtualmachineinstances", "VirtualMachineInstance", "vmi", "vmis", status=False),
    _kubevirt(
        "virtualmachineinstancemigrations", "VirtualMachineInstanceMigration", "vmim", "vmims"
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
        "instancetype.kubevirt.io",
        "v1beta1",
        "virtualmachineinstancetypes",
        "VirtualMachineInstancetype",
        "vminstancetype",
        "vminstancetypes",
        "vmf",
        "vmfs",
    ),
    _custom(
        "instancetype.kubevirt.io",
        "v1beta1",
        "virtualmachineclusterinstancetypes",
        "VirtualMachineClusterInstancetype",
        "vmclusterinstancetype",
        "vmclusterinstancetypes",
        "vmcf",
        "vmcfs",
        namespaced=False,
    ),
)


def _review(group: str, plural: str, kind: str) -> Resource:
    return Resource(
        group=group,
        version="v1",
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        namespaced=False,
        verbs=("create",),
    )


REVIEWS: Final[tuple[Resource, ...]] = (
    _review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    _review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
)
"""Questions that are answered and not stored."""

SERVED: Final = (*CATALOGUE, *REVIEWS)

_BY_PATH: Final = {(r.group, r.version, r.plural): r for r in SERVED}
_BY_STORAGE: Final = {r.storage: r for r in CATALOGUE if not r.stored_as}


def find(group: str, version: str, plural: str) -> Resource | None:
    """Returns the resource served at a group, version and plural, if there is one."""
    return _BY_PATH.get((group, version, plural))


def stored(storage: str) -> Resource:
    """Returns the resource whose objects are kept under a storage key.

    Raises:
        LookupError: The simulator keeps no such resource.
    """
    resource = _BY_STORAGE.get(storage)
    if resource is None:
        raise LookupError(
            f"the simulator stores no resource {storage!r}; it has: {sorted(_BY_STORAGE)}"
        )
    return resource
