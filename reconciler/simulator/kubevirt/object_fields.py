"""Reads and writes fields of Kubernetes objects, such as conditions, owners and phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from collections.abc import Iterator

Json: TypeAlias = dict[str, Any]

LIVE_UPDATE_FEATURES: Final = "liveUpdateFeatures"
"""The VM spec field that enables live updates; only KubeVirt v1.1 has this field."""

VMS: Final = "virtualmachines.kubevirt.io"
VMIS: Final = "virtualmachineinstances.kubevirt.io"
MIGRATIONS: Final = "virtualmachineinstancemigrations.kubevirt.io"
KUBEVIRTS: Final = "kubevirts.kubevirt.io"
REVISIONS: Final = "controllerrevisions.apps"
PODS: Final = "pods"
NODES: Final = "nodes"
QUOTAS: Final = "resourcequotas"

HOT_MEMORY_CHANGE: Final = "HotMemoryChange"
HOT_CPU_CHANGE: Final = "HotVCPUChange"
HOT_CHANGES: Final = frozenset({HOT_MEMORY_CHANGE, HOT_CPU_CHANGE})
RESTART_REQUIRED: Final = "RestartRequired"
FAILURE: Final = "Failure"
READY: Final = "Ready"
LIVE_MIGRATABLE: Final = "LiveMigratable"

FINAL_PHASES: Final = frozenset({"Succeeded", "Failed"})


def key_of(resource: str, obj: Json) -> Key:
    """Returns the key of an object in the object store."""
    meta = obj["metadata"]
    return Key(resource, meta.get("namespace", ""), meta["name"])


def name_of(obj: Json) -> tuple[str, str]:
    """Returns the namespace and the name of an object."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def dig(obj: Json | None, *path: str) -> Any:  # noqa: ANN401 - any JSON value
    """Returns the value at a field path, or None if a field of the path is absent."""
    found: Any = obj
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def section(obj: Json, *path: str) -> Json:
    """Returns the mapping at a field path, creating absent or null mappings."""
    found = obj
    for name in path:
        if not isinstance(found.get(name), dict):
            found[name] = {}
        found = found[name]
    return found


def size(obj: Json | None, *path: str) -> int | None:
    """Returns the quantity at a field path in bytes, or None if it is absent."""
    value = dig(obj, *path)
    return None if value is None else quantity.parse(value)


def condition(obj: Json | None, kind: str) -> Json | None:
    """Returns an object's condition of the given type, or None if the condition is absent."""
    return next((c for c in conditions(obj) if c["type"] == kind), None)


def condition_status(obj: Json | None, kind: str) -> str:
    """Returns the status of a condition (True, False or Unknown), or an empty string if absent."""
    found = condition(obj, kind)
    return "" if found is None else str(found["status"])


def conditions(obj: Json | None) -> Iterator[Json]:
    """Yields the conditions of an object in order."""
    yield from dig(obj, "status", "conditions") or ()


def set_condition(obj: Json, new: Json) -> None:
    """Adds a condition to an object, or replaces the condition of the same type.

    If status, reason and message are equal, the existing condition with its times is kept.
    """
    status = section(obj, "status")
    present: list[Json] = status.setdefault("conditions", [])
    for index, old in enumerate(present):
        if old["type"] == new["type"]:
            if _statement(old) != _statement(new):
                present[index] = new
            return
    present.append(new)


def drop_condition(obj: Json, kind: str) -> None:
    """Removes the condition with the given type from an object, if it exists."""
    present = dig(obj, "status", "conditions")
    if present:
        left = [c for c in present if c["type"] != kind]
        if left:
            obj["status"]["conditions"] = left
        else:
            del obj["status"]["conditions"]


def make_condition(
    kind: str,
    status: str,
    *,
    at: str | None,
    probed: bool = False,
    reason: str = "",
    message: str = "",
) -> Json:
    """Builds a condition with KubeVirt's field order; times that are not given are null."""
    made: Json = {"lastProbeTime": at if probed else None, "lastTransitionTime": at}
    if message:
        made["message"] = message
    if reason:
        made["reason"] = reason
    return {**made, "status": status, "type": kind}


def drop_finalizer(obj: Json, name: str) -> None:
    """Removes a finalizer from an object, and the list of finalizers if it becomes empty."""
    meta = obj["metadata"]
    left = [f for f in meta.get("finalizers") or () if f != name]
    if left:
        meta["finalizers"] = left
    else:
        meta.pop("finalizers", None)


def controller_reference(owner: Json) -> Json:
    """Builds an ownerReference to the controller of an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }


def is_running(vmi: Json | None) -> bool:
    """Returns whether a VMI is in the phase Running."""
    return bool(dig(vmi, "status", "phase") == "Running")


def is_final(obj: Json | None) -> bool:
    """Returns whether a VMI, migration or pod is in a final phase: Succeeded or Failed."""
    return str(dig(obj, "status", "phase")) in FINAL_PHASES


def is_deleting(obj: Json | None) -> bool:
    """Returns whether an object is marked for deletion."""
    return dig(obj, "metadata", "deletionTimestamp") is not None


def is_migrating(vmi: Json | None) -> bool:
    """Returns whether the memory of a VMI is being transferred to another node.

    The migration state then has a start time but no end time.

    Source: v1.9.0 pkg/controller/conditions.go.
    """
    state = dig(vmi, "status", "migrationState") or {}
    return bool(state.get("startTimestamp")) and not state.get("endTimestamp")


def enter_phase(obj: Json, phase: str, now: str) -> None:
    """Sets the phase of a VMI or migration, and the time of the transition."""
    status = section(obj, "status")
    if status.get("phase") == phase:
        return
    status["phase"] = phase
    status.setdefault("phaseTransitionTimestamps", []).append(
        {"phase": phase, "phaseTransitionTimestamp": now}
    )


def _statement(found: Json) -> tuple[Any, ...]:
    return tuple(found.get(name) for name in ("status", "reason", "message"))
