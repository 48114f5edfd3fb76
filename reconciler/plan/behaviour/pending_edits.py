"""``waiting``: finds edits to VM fields other than memory that take effect only at a restart.

KubeVirt compares a VM with the revision that it stored when the VM started. This module compares
the VM with the running instance, in the few fields that the instance copies unchanged. Therefore,
some edits are not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.phrases import changed

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVM, LiveVMI


def waiting(vm: LiveVM, vmi: LiveVMI) -> tuple[str, ...]:
    """Return the edits to a VM that take effect only at a restart, with old and new values.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3053: cores, threads,
    maxGuest, huge pages and dedicated CPUs do not change live; observed (scenario
    write-maxguest-on-running).
    """
    _, cores, threads = vm.cpu
    _, has_cores, has_threads = vmi.cpu
    asked, has = vm.constraints, vmi.constraints
    compared: tuple[tuple[str, object, object], ...] = (
        ("cpu.cores", has_cores, cores),
        ("cpu.threads", has_threads, threads),
        ("memory.maxGuest", vmi.max_guest, vm.max_guest),
        ("hugepages", has.hugepages, asked.hugepages),
        ("dedicatedCpuPlacement", has.dedicated_cpus or None, asked.dedicated_cpus or None),
    )
    return tuple(
        changed(name, before, after)
        for name, before, after in compared
        if before is not None and after is not None and before != after
    )
