"""``ObjectRef``, ``FieldPath`` and ``Location``: identify objects, fields and file locations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, NewType, TypeAlias

FieldPath: TypeAlias = tuple[str, ...]
"""The keys from an object's root to a field, such as ``("spec", "template")``."""

Uid = NewType("Uid", str)
"""The UID of a Kubernetes object; a re-created object gets a new UID."""

KUBEVIRT_GROUP = "kubevirt.io"
KUBEVIRT = "KubeVirt"
HYPERCONVERGED = "HyperConverged"
HYPERCONVERGED_GROUP = "hco.kubevirt.io"
VM = "VirtualMachine"
INSTANCETYPE_GROUP = "instancetype.kubevirt.io"
INSTANCETYPE = "VirtualMachineInstancetype"
CLUSTER_INSTANCETYPE = "VirtualMachineClusterInstancetype"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A location in a file in Git; lines and columns count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class ObjectRef(NamedTuple):
    """The identity of an object: kind, namespace, name and API group, without the version.

    A reference is a tuple because references are often map keys, and Python hashes, compares and
    orders tuples fast, in C.
    """

    kind: str
    namespace: str
    name: str
    group: str = KUBEVIRT_GROUP

    def __str__(self) -> str:
        return f"{self.kind} {self.namespaced_name}"

    @property
    def namespaced_name(self) -> str:
        """The string ``namespace/name``, or only the name of a cluster-scoped object."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def is_vm(self) -> bool:
        """Whether the object is a VirtualMachine."""
        return self.kind == VM

    @property
    def is_config(self) -> bool:
        """Whether the object is a KubeVirt CR or a HyperConverged, which contain settings."""
        return self.kind in (KUBEVIRT, HYPERCONVERGED)

    @property
    def is_kubevirt(self) -> bool:
        """Whether the object is a KubeVirt CR."""
        return self.kind == KUBEVIRT


def kubevirt_ref(namespace: str, name: str) -> ObjectRef:
    """Create the reference to a KubeVirt CR from its namespace and name."""
    return ObjectRef(kind=KUBEVIRT, namespace=namespace, name=name)


def vm_ref(namespace: str, name: str) -> ObjectRef:
    """Create the reference to a VirtualMachine from its namespace and name."""
    return ObjectRef(kind=VM, namespace=namespace, name=name)


def instancetype_ref(kind: str | None, namespace: str, name: str) -> ObjectRef:
    """Create the reference to the instancetype that a VM uses.

    KubeVirt accepts the kind in uppercase and lowercase, and in singular and plural. Without a
    kind, the instancetype is cluster-wide.

    Source: kubevirt v1.9.0 pkg/instancetype/find/spec.go;
    staging/src/kubevirt.io/api/instancetype/register.go.
    """
    if (kind or "").lower().removesuffix("s") == INSTANCETYPE.lower():
        return ObjectRef(
            group=INSTANCETYPE_GROUP, kind=INSTANCETYPE, namespace=namespace, name=name
        )
    return ObjectRef(group=INSTANCETYPE_GROUP, kind=CLUSTER_INSTANCETYPE, namespace="", name=name)


def dotted(path: FieldPath) -> str:
    """Convert a field path to a dotted string, such as ``spec.template.spec``."""
    return ".".join(path)


def pointer(path: FieldPath) -> str:
    """Convert a field path to a JSON Pointer (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)
