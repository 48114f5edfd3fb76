"""Faults: injects faults into migrations, hotplugs, target pods and guests of VMs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALWAYS: Final = -1


class Fault(StrEnum):
    """The kinds of VM faults that occur a given number of times, or always."""

    MIGRATION_FAILS = "migrationFails"
    PLUG_REFUSED = "plugRefused"
    TARGET_UNSCHEDULABLE = "targetUnschedulable"


@dataclass(frozen=True, slots=True, kw_only=True)
class VMFaults:
    """The faults that are injected into one VM."""

    migration_fails: int = 0
    """How many migrations of the VM fail; `ALWAYS` means all."""
    plug_refused: int = 0
    """How many of the VM's memory hotplugs libvirt rejects; `ALWAYS` means all."""
    target_unschedulable: int = 0
    """How many target pods of the VM are unschedulable; `ALWAYS` means all."""
    guest_silent: bool = False
    """Whether the guest ignores requests to change its memory."""
    guest_keeps: int | None = None
    """The memory size in bytes below which the guest does not shrink."""
    transfer_s: float | None = None
    """The duration of a memory transfer in seconds, or None to compute it from the size."""


NO_FAULTS: Final = VMFaults()


class Faults:
    """The faults that are injected into each VM, and how often each fault has occurred."""

    def __init__(self, by_vm: dict[tuple[str, str], VMFaults] | None = None) -> None:
        self._by_vm = dict(by_vm or {})
        self.fired: dict[tuple[str, str, Fault], int] = defaultdict(int)

    def of(self, namespace: str, name: str) -> VMFaults:
        """Returns the faults that are injected into a VM."""
        return self._by_vm.get((namespace, name), NO_FAULTS)

    def inject(self, namespace: str, name: str, faults: VMFaults) -> None:
        """Replaces the injected faults of a VM and resets their counts."""
        self._by_vm[namespace, name] = faults
        for fault in Fault:
            self.fired.pop((namespace, name, fault), None)

    def fires(self, namespace: str, name: str, fault: Fault) -> bool:
        """Returns whether an injected fault of a VM occurs now, and counts the occurrence."""
        faults = self.of(namespace, name)
        budget = {
            Fault.MIGRATION_FAILS: faults.migration_fails,
            Fault.PLUG_REFUSED: faults.plug_refused,
            Fault.TARGET_UNSCHEDULABLE: faults.target_unschedulable,
        }[fault]
        if budget != ALWAYS and self.fired[namespace, name, fault] >= budget:
            return False
        self.fired[namespace, name, fault] += 1
        return True
