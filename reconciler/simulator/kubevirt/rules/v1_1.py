"""Implements the live update rules of KubeVirt v1.1, where each VM enables live updates.

Source: v1.1.0 pkg/virt-api/webhooks/validating-webhook/admitters/vms-admitter.go:440-592,865-939.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.cluster_config import LIVE_UPDATE_GATE
from reconciler.simulator.kubevirt.object_fields import (
    HOT_MEMORY_CHANGE,
    LIVE_UPDATE_FEATURES,
    READY,
    Json,
    condition_status,
    dig,
    size,
)
from reconciler.simulator.kubevirt.rules import memory_hotplug

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig

LIVE_UPDATE_FEATURES_FIELD: Final = f"spec.{LIVE_UPDATE_FEATURES}"
GUEST_FIELD: Final = "spec.template.spec.domain.memory.guest"
MAX_FIELD: Final = "spec.template.spec.domain.memory.maxGuest"

NO_GATE: Final = f"{LIVE_UPDATE_GATE} feature gate is not enabled in kubevirt-config"
NO_INSTANCETYPE: Final = "Live update features cannot be used when instance type is configured"
"""KubeVirt v1.1.0's message about an instancetype; v1.2.0 is assumed to have the same message."""
NO_MAX_GUEST: Final = "Memory maxGuest cannot be set directy in VM template"
FROZEN: Final = "Cannot update VM live features while VM is running"
BELOW_BOOT: Final = "cannot set less memory than what the guest booted with"
IN_PROGRESS: Final = "cannot update memory while another memory change is in progress"
MIGRATING: Final = "cannot update while VMI migration is in progress"


def refusal(vm: Json, config: ClusterConfig) -> tuple[str, str] | None:
    """Returns the error message and field if the v1.1 webhook denies a VM; otherwise None.

    The hotplug rules apply only to a VM that sets maxGuest itself.
    """
    asks = vm["spec"].get(LIVE_UPDATE_FEATURES)
    if asks is not None and LIVE_UPDATE_GATE not in config.gates:
        return NO_GATE, LIVE_UPDATE_FEATURES_FIELD
    if asks is not None and vm["spec"].get("instancetype"):
        return NO_INSTANCETYPE, LIVE_UPDATE_FEATURES_FIELD
    template = vm["spec"]["template"]["spec"]
    if dig(template, "domain", "memory", "maxGuest") is not None:
        return NO_MAX_GUEST, MAX_FIELD
    own = size(asks, "memory", "maxGuest")
    if own is None:
        return None
    architecture = template.get("architecture", "amd64")
    refused = memory_hotplug.hotplug_refusal(
        template["domain"], architecture, own, config.behaviour
    )
    return None if refused is None else (refused, GUEST_FIELD)


def update_refusal(
    old: Json, new: Json, vmi: Json | None, migration_uid: str
) -> tuple[str, str] | None:
    """Returns the error message and field if v1.1 denies a change to a running VM; otherwise None.

    Args:
        old: The VM before the change.
        new: The VM after the change.
        vmi: The VM's VMI.
        migration_uid: The UID of the VMI's unfinished migration, or an empty string.
    """
    if vmi is None or condition_status(new, READY) != "True":
        return None
    if (old["spec"].get(LIVE_UPDATE_FEATURES) or None) != (
        new["spec"].get(LIVE_UPDATE_FEATURES) or None
    ):
        return FROZEN, "spec"
    had, wants = (size(vm, *GUEST_FIELD.split(".")) for vm in (old, new))
    if dig(new, "spec", LIVE_UPDATE_FEATURES, "memory") is None or had == wants or wants is None:
        return None
    refused = _hotplug_refusal(wants, vmi, migration_uid)
    return None if refused is None else (refused, GUEST_FIELD)


def _hotplug_refusal(wants: int, vmi: Json, migration_uid: str) -> str | None:
    if wants < (size(vmi, "status", "memory", "guestAtBoot") or 0):
        return BELOW_BOOT
    if condition_status(vmi, HOT_MEMORY_CHANGE) == "True":
        return IN_PROGRESS
    state = dig(vmi, "status", "migrationState")
    if state is not None and not state.get("completed"):
        return MIGRATING
    if migration_uid:
        return (
            f"{MIGRATING}: in-flight migration detected. Active migration job ({migration_uid}) "
            f"is currently already in progress for VMI {vmi['metadata']['name']}."
        )
    return None
