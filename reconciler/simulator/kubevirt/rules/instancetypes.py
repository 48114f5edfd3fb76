"""Instancetypes: applies instancetypes to VMs, detects conflicts, and stores revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import (
    REVISIONS,
    Json,
    controller_reference,
    dig,
    section,
)
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.versions import Behaviour
    from reconciler.simulator.store.store import Store

NAMESPACED: Final = "virtualmachineinstancetypes.instancetype.kubevirt.io"
CLUSTER_WIDE: Final = "virtualmachineclusterinstancetypes.instancetype.kubevirt.io"

_CONFLICTS: Final = (
    (("domain", "memory", "guest"), ("memory", "guest")),
    (("domain", "memory", "maxGuest"), ("memory", "maxGuest")),
    (("domain", "memory", "hugepages"), ("memory", "hugepages")),
    (("domain", "resources", "requests", "memory"), ("memory", "guest")),
    (("domain", "resources", "limits", "memory"), ("memory", "guest")),
    (("domain", "cpu", "sockets"), ("cpu", "guest")),
    (("domain", "cpu", "cores"), ("cpu", "guest")),
    (("domain", "cpu", "threads"), ("cpu", "guest")),
)
"""Pairs of a VM field and an instancetype field, of which only one can be set.

Source: v1.9.0 pkg/instancetype/apply/memory.go:73-99, cpu.go.
"""


class Instancetypes:
    """Finds the instancetype of a VM: the current one, or the one in a ControllerRevision."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def named(self, vm: Json) -> Json | None:
        """Returns the current version of the instancetype of a VM, or None if the VM has none."""
        matcher = dig(vm, "spec", "instancetype")
        return (
            None
            if not matcher
            else self._store.get(_matched(matcher, vm["metadata"]["namespace"]))
        )

    def effective(self, vm: Json, behaviour: Behaviour) -> Json | None:
        """Returns the instancetype in a VM's ControllerRevision, or else the current version."""
        name = revision_of(vm, behaviour)
        revision = (
            self._store.get(Key(REVISIONS, vm["metadata"]["namespace"], name)) if name else None
        )
        return revision["data"] if revision is not None else self.named(vm)

    def domain(self, vm: Json, behaviour: Behaviour) -> Json:
        """Returns the domain of a VM with its instancetype applied."""
        return apply(vm["spec"]["template"]["spec"]["domain"], self.effective(vm, behaviour))

    def keep_revision(self, vm: Json, instancetype: Json) -> str:
        """Stores an instancetype in a ControllerRevision, and returns the name of the revision."""
        meta = instancetype["metadata"]
        name = (
            f"{vm['metadata']['name']}-{meta['name']}-v1beta1-{meta['uid']}-{meta['generation']}"
        )
        key = Key(REVISIONS, vm["metadata"]["namespace"], name)
        if self._store.get(key) is None:
            self._store.create(key, revision_object(key, vm, instancetype, 0))
        return name


def apply(domain: Json, instancetype: Json | None) -> Json:
    """Returns a copy of a VM domain with the CPUs and memory of an instancetype.

    Source: v1.9.0 pkg/instancetype/apply/{cpu,memory}.go.
    """
    applied = json_codec.copy(domain)
    spec = dig(instancetype, "spec")
    if not spec:
        return applied
    guest = dig(spec, "memory", "guest")
    if guest is not None:
        section(applied, "memory")["guest"] = guest
    for name in ("maxGuest", "hugepages"):
        if dig(spec, "memory", name) is not None:
            section(applied, "memory")[name] = spec["memory"][name]
    if (percent := dig(spec, "memory", "overcommitPercent")) and guest is not None:
        asked = quantity.parse(guest) * (100 - percent) // 100
        section(applied, "resources", "requests")["memory"] = quantity.binary(asked)
    if (sockets := dig(spec, "cpu", "guest")) is not None:
        cpu = section(applied, "cpu")
        cpu["sockets"] = sockets
        cpu.setdefault("cores", 1)
        cpu.setdefault("threads", 1)
    return applied


def conflicts(vm: Json, instancetype: Json | None) -> tuple[str, ...]:
    """Returns the paths of VM fields that the VM's instancetype also sets."""
    spec = dig(instancetype, "spec")
    if not spec:
        return ()
    template = vm["spec"]["template"]["spec"]
    return tuple(
        "spec.template.spec." + ".".join(mine)
        for mine, theirs in _CONFLICTS
        if dig(template, *mine) is not None and dig(spec, *theirs) is not None
    )


def revision_of(vm: Json, behaviour: Behaviour) -> str | None:
    """Returns the name of the ControllerRevision with the instancetype of a VM, or None.

    A revision in the status is valid only for the instancetype that the VM's spec references.

    Source: v1.4.0 types.go (spec.instancetype.revisionName), v1.5.0 (status.instancetypeRef).
    """
    named = dig(vm, "spec", "instancetype", "revisionName")
    if not behaviour.instancetype_in_status or named:
        return named or None
    reference = dig(vm, "status", "instancetypeRef") or {}
    if reference.get("name") != dig(vm, "spec", "instancetype", "name"):
        return None
    kept: str | None = dig(reference, "controllerRevisionRef", "name")
    return kept


def reference_revision(vm: Json, revision: str, behaviour: Behaviour) -> None:
    """Writes a reference to the instancetype's ControllerRevision into a VM."""
    matcher = vm["spec"]["instancetype"]
    if not behaviour.instancetype_in_status:
        matcher["revisionName"] = revision
        return
    section(vm, "status")["instancetypeRef"] = {
        "controllerRevisionRef": {"name": revision},
        "kind": matcher.get("kind", "VirtualMachineClusterInstancetype"),
        "name": matcher["name"],
    }


def revision_object(key: Key, vm: Json, data: Json, number: int) -> Json:
    """Builds a ControllerRevision that is owned by a VM and contains the given data."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "ownerReferences": [controller_reference(vm)],
        },
        "data": data,
        "revision": number,
    }


def _matched(matcher: Json, namespace: str) -> Key:
    kind = str(matcher.get("kind") or "VirtualMachineClusterInstancetype").lower()
    if kind.rstrip("s") == "virtualmachineinstancetype":
        return Key(NAMESPACED, namespace, matcher["name"])
    return Key(CLUSTER_WIDE, "", matcher["name"])
