"""Computes the status of a VirtualMachine from the VM and its VMI."""

from __future__ import annotations

from typing import Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.object_fields import (
    FAILURE,
    READY,
    RESTART_REQUIRED,
    Json,
    condition,
    conditions,
    dig,
    drop_condition,
    is_deleting,
    is_final,
    is_migrating,
    is_running,
    make_condition,
    section,
    set_condition,
)
from reconciler.simulator.kubevirt.rules.defaults import GENERATION_ANNOTATION

OWN_CONDITIONS: Final = frozenset({READY, RESTART_REQUIRED, FAILURE, "Initialized"})
"""The conditions that the VM controller sets; all other conditions are copied from the VMI."""


def run_strategy(vm: Json) -> str:
    """Returns the run strategy of a VM, from `runStrategy` or the older field `running`."""
    strategy = dig(vm, "spec", "runStrategy")
    if strategy is not None:
        return str(strategy)
    return "Always" if dig(vm, "spec", "running") else "Halted"


def refresh(vm: Json, vmi: Json | None, *, now: str) -> None:
    """Computes the status of a VM, and writes it into the VM object.

    Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:1438-1474,2516-2773; recorded on real
    clusters.
    """
    status = section(vm, "status")
    _mirror_conditions(vm, vmi, now)
    if vmi is not None or "runStrategy" in status:
        status["runStrategy"] = run_strategy(vm)
    if vmi is not None:
        status["created"] = True
        status["desiredGeneration"] = vm["metadata"]["generation"]
        observed = dig(vmi, "metadata", "annotations", GENERATION_ANNOTATION)
        if observed is not None:
            status["observedGeneration"] = int(observed)
    else:
        status.pop("created", None)
    ready = condition(vm, READY)
    if ready is not None and ready["status"] == "True":
        status["ready"] = True
    else:
        status.pop("ready", None)
    status["printableStatus"] = printable_status(vm, vmi)


def printable_status(vm: Json, vmi: Json | None) -> str:  # noqa: PLR0911 - one return a status
    """Returns the printable status of a VM: the first status that applies, in KubeVirt's order.

    Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:2516-2649.
    """
    if is_deleting(vm):
        return "Terminating"
    if vmi is not None and is_deleting(vmi) and not is_final(vmi):
        return "Stopping"
    if is_migrating(vmi):
        return "Migrating"
    if is_running(vmi):
        paused = condition(vmi, "Paused")
        return "Paused" if paused is not None and paused["status"] == "True" else "Running"
    if vmi is not None and not is_final(vmi):
        scheduled = condition(vmi, "PodScheduled")
        stuck = scheduled is not None and scheduled["status"] == "False"
        return "ErrorUnschedulable" if stuck else "Starting"
    wants_to_run = run_strategy(vm) in {"Always", "RerunOnFailure"}
    if wants_to_run and dig(vm, "status", "startFailure"):
        return "CrashLoopBackOff"
    return "Stopped"


def first_status(vm: Json) -> None:
    """Writes the first status of a new VM, as observed on real clusters."""
    status = section(vm, "status")
    status.setdefault("printableStatus", "Stopped")
    volumes = dig(vm, "spec", "template", "spec", "volumes") or ()
    snapshots = [_snapshot_status(volume) for volume in volumes]
    if snapshots:
        status["volumeSnapshotStatuses"] = snapshots


def _snapshot_status(volume: Json) -> Json:
    source = next((name for name in volume if name != "name"), "")
    return {
        "enabled": False,
        "name": volume["name"],
        "reason": f"Snapshot is not supported for this volumeSource type [{source.lower()}]"
        if source != "containerDisk"
        else f"Snapshot is not supported for this volumeSource type [{volume['name']}]",
    }


def _mirror_conditions(vm: Json, vmi: Json | None, now: str) -> None:
    set_condition(vm, _ready(vmi, now))
    if vmi is None:
        return
    mirrored = {c["type"]: c for c in conditions(vmi) if c["type"] not in OWN_CONDITIONS}
    for kind in [c["type"] for c in conditions(vm)]:
        if kind not in OWN_CONDITIONS and kind not in mirrored:
            drop_condition(vm, kind)
    for found in mirrored.values():
        set_condition(vm, json_codec.copy(found))


def _ready(vmi: Json | None, now: str) -> Json:
    if vmi is None:
        return make_condition(
            READY,
            "False",
            at=now,
            probed=True,
            reason="VMINotExists",
            message="VMI does not exist",
        )
    found = condition(vmi, READY)
    if found is not None:
        return json_codec.copy(found)
    return make_condition(
        READY,
        "False",
        at=now,
        probed=True,
        reason="VMIConditionMissing",
        message="VMI is missing the Ready condition",
    )
