"""Edits of a VM beside its memory that wait for a restart, as far as they can be seen.

KubeVirt compares a VM with the revision of it that it kept when the VM started. That is not read
here; what is compared is the running instance, in the few fields that are taken over as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.phrases import changed

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVM, LiveVMI


def waiting(vm: LiveVM, vmi: LiveVMI) -> tuple[str, ...]:
    """Each known edit with both values; empty also where an edit cannot be seen.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3053: cores, threads, maxGuest,
    huge pages and dedicated CPUs are not changed live; recorded write-maxguest-on-running.
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
