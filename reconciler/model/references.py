"""Where a thing is: an object in the cluster, a field in an object, a place in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, NewType, TypeAlias

FieldPath: TypeAlias = tuple[str, ...]
"""The keys from an object's root to a field, for example ``("spec", "template")``."""

Uid = NewType("Uid", str)
"""A Kubernetes object UID: never mixed up with a name, which a re-created object shares."""

KUBEVIRT_GROUP = "kubevirt.io"
KUBEVIRT = "KubeVirt"
VM = "VirtualMachine"
INSTANCETYPE_GROUP = "instancetype.kubevirt.io"
INSTANCETYPE = "VirtualMachineInstancetype"
CLUSTER_INSTANCETYPE = "VirtualMachineClusterInstancetype"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a file of the revision that was read; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class ObjectRef(NamedTuple):
    """The identity of an object, without version: kind, namespace, name, group.

    A tuple, since everything is kept by reference, and a tuple is hashed, compared and ordered
    without a call of Python code.
    """

    kind: str
    namespace: str
    name: str
    group: str = KUBEVIRT_GROUP

    def __str__(self) -> str:
        return f"{self.kind} {self.namespaced_name}"

    @property
    def namespaced_name(self) -> str:
        """``namespace/name``; the name alone for an object without a namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def is_vm(self) -> bool:
        """Whether the object is a VirtualMachine."""
        return self.kind == VM

    @property
    def is_kubevirt(self) -> bool:
        """Whether the object is a KubeVirt CR."""
        return self.kind == KUBEVIRT


def kubevirt_ref(namespace: str, name: str) -> ObjectRef:
    """The reference of a KubeVirt CR."""
    return ObjectRef(kind=KUBEVIRT, namespace=namespace, name=name)


def vm_ref(namespace: str, name: str) -> ObjectRef:
    """The reference of a VirtualMachine."""
    return ObjectRef(kind=VM, namespace=namespace, name=name)


def instancetype_ref(kind: str | None, namespace: str, name: str) -> ObjectRef:
    """The reference of the instancetype that a VM in *namespace* names.

    KubeVirt reads the kind in any case, in singular and plural; none means the cluster-wide one.

    Source: kubevirt v1.9.0 pkg/instancetype/find/spec.go;
    staging/src/kubevirt.io/api/instancetype/register.go.
    """
    if (kind or "").lower().removesuffix("s") == INSTANCETYPE.lower():
        return ObjectRef(
            group=INSTANCETYPE_GROUP, kind=INSTANCETYPE, namespace=namespace, name=name
        )
    return ObjectRef(group=INSTANCETYPE_GROUP, kind=CLUSTER_INSTANCETYPE, namespace="", name=name)


def dotted(path: FieldPath) -> str:
    """*path* as people write it: ``spec.template.spec``."""
    return ".".join(path)


def pointer(path: FieldPath) -> str:
    """*path* as a JSON Pointer (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)
