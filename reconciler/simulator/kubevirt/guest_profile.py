"""GuestProfile: the guest operating system and agent of a VM, and whether the VM can migrate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.simulator.kubevirt.object_fields import (
    LIVE_MIGRATABLE,
    Json,
    make_condition,
    section,
    set_condition,
)

ALPINE: Final[Mapping[str, str]] = {
    "id": "alpine",
    "kernelRelease": "6.12.8-0-virt",
    "machine": "x86_64",
    "name": "Alpine Linux",
}
"""The guest operating system in all recordings from real clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestProfile:
    """The guest operating system of a VM, and the state that virt-handler reports."""

    os: Mapping[str, str] = field(default_factory=lambda: ALPINE)
    """The guestOSInfo that the guest agent reports."""
    agent: bool = True
    migratable: bool = True
    paused: bool = False

    def report(self, vmi: Json, now: str) -> None:
        """Writes the conditions and status that virt-handler reports into a started VMI.

        A VMI with host devices cannot migrate; a VMI with SR-IOV interfaces can.

        Source: v1.9.0 pkg/virt-handler/vm.go.
        """
        attached = _has_host_devices(vmi)
        able = self.migratable and not attached
        migratable = make_condition(LIVE_MIGRATABLE, str(able), at=now, probed=True)
        if attached:
            migratable["reason"] = "HostDeviceNotLiveMigratable"
            migratable["message"] = "VMI uses a PCI host devices"
        elif not self.migratable:
            migratable["reason"] = "DisksNotLiveMigratable"
            migratable["message"] = "cannot migrate VMI: PVC is not shared"
        set_condition(vmi, migratable)
        status = section(vmi, "status")
        if self.agent:
            set_condition(vmi, make_condition("AgentConnected", "True", at=now, probed=True))
            status["guestOSInfo"] = dict(self.os)
        if self.paused:
            set_condition(vmi, make_condition("Paused", "True", at=now, probed=True))
        for interface in status.get("interfaces") or ():
            interface["ipAddress"] = "10.244.0.5"
        section(status, "machine")["type"] = "pc-q35-rhel9.6.0"
        status["migrationMethod"] = "BlockMigration" if able else "LiveMigration"
        status["selinuxContext"] = "none"


def _has_host_devices(vmi: Json) -> bool:
    devices = vmi["spec"]["domain"].get("devices") or {}
    return bool(devices.get("gpus") or devices.get("hostDevices"))
