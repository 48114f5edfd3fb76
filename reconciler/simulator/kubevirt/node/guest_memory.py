"""How much of the memory that libvirt offers a guest uses or returns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import dig

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.object_fields import Json
    from reconciler.simulator.kubevirt.vm_faults import VMFaults

OLDEST_LINUX: Final = (5, 8)
"""Source: kubevirt/kubevirt issue 14095 (virtio-mem on x86 from Linux 5.8)."""
ACCEPT_S: Final = (0.3, 0.4)
"""guestCurrent was recorded 0.3 to 0.4 s after the plug."""


def size_after(vmi: Json, faults: VMFaults, *, requested: int, current: int) -> int:
    """Returns the guest's memory after a change of the requested size, in bytes.

    Args:
        vmi: The VMI; without guestOSInfo, the guest counts as a recent Linux.
        faults: The faults of this VM.
        requested: The size that libvirt offers.
        current: The size that the guest has.
    """
    if faults.guest_silent or not _has_driver(vmi):
        return current
    if requested < current:
        if _is_windows(vmi):
            return current
        return max(requested, min(faults.guest_keeps or 0, current))
    return requested


def _has_driver(vmi: Json) -> bool:
    release = dig(vmi, "status", "guestOSInfo", "kernelRelease")
    if not release or _is_windows(vmi):
        return True
    version = re.match(r"(\d+)\.(\d+)", str(release))
    return version is None or (int(version[1]), int(version[2])) >= OLDEST_LINUX


def _is_windows(vmi: Json) -> bool:
    return bool(dig(vmi, "status", "guestOSInfo", "id") == "mswindows")
