"""Computes the memory of a guest after libvirt has requested another size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import dig

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.object_fields import Json
    from reconciler.simulator.kubevirt.vm_faults import VMFaults

OLDEST_LINUX: Final = (5, 8)
"""The oldest Linux kernel with virtio-mem on x86. Source: kubevirt/kubevirt issue 14095."""
ACCEPT_S: Final = (0.3, 0.4)
"""The observed seconds (0.3 to 0.4) from a hotplug until guestCurrent shows the new size."""


def size_after(vmi: Json, faults: VMFaults, *, requested: int, current: int) -> int:
    """Computes the memory of a guest, in bytes, after libvirt has requested another size.

    Args:
        vmi: The VMI. Without guestOSInfo, the guest is assumed to run a recent Linux.
        faults: The injected faults of the VM.
        requested: The size in bytes that libvirt requests from the guest.
        current: The current size of the guest's memory in bytes.
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
    version = re.match(r"([0-9]{1,9})\.([0-9]{1,9})", str(release))
    return version is None or (int(version[1]), int(version[2])) >= OLDEST_LINUX


def _is_windows(vmi: Json) -> bool:
    return bool(dig(vmi, "status", "guestOSInfo", "id") == "mswindows")
