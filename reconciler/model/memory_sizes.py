"""Defines which guest memory sizes KubeVirt can apply live, regardless of the VM's state.

Source: kubevirt v1.9.0 pkg/liveupdate/memory/memory.go:37-40; v1.3.1 :104.
"""

from __future__ import annotations

from reconciler.model.quantity import GIB, MIB

BLOCK = 2 * MIB
"""KubeVirt can change a guest's memory live only to a multiple of this number of bytes."""
MINIMUM = GIB
"""The smallest guest memory in bytes that KubeVirt v1.3.1 and newer can change live."""


def block_of(page_size: object) -> int:
    """Return the number of bytes that must divide a VM's memory size evenly.

    *page_size* is the VM's huge page size, or None without huge pages.
    """
    return GIB if page_size == "1Gi" else BLOCK


def neighbours(n_bytes: int, block: int) -> tuple[int, int]:
    """Return the nearest multiples of a block size below and above a number of bytes.

    If *n_bytes* is a multiple of *block*, both results equal *n_bytes*.
    """
    return n_bytes // block * block, -(-n_bytes // block) * block
