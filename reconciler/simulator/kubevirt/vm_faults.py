"""Faults: what fails for which VM, as data from the world file."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALWAYS: Final = -1


class Fault(StrEnum):
    """The faults that happen a given number of times, or always."""

    MIGRATION_FAILS = "migrationFails"
    PLUG_REFUSED = "plugRefused"
    TARGET_UNSCHEDULABLE = "targetUnschedulable"


@dataclass(frozen=True, slots=True, kw_only=True)
class VMFaults:
    """The faults of one VM."""

    migration_fails: int = 0
    """The number of its migrations that fail; `ALWAYS` for all."""
    plug_refused: int = 0
    """The number of plugs that libvirt refuses; `ALWAYS` for all."""
    target_unschedulable: int = 0
    """The number of target pods that are unschedulable; `ALWAYS` for all."""
    guest_silent: bool = False
    """The guest ignores changes of its memory."""
    guest_keeps: int | None = None
    """The size in bytes below which the guest does not shrink."""
    transfer_s: float | None = None
    """The time of a transfer of its memory; None: size and bandwidth decide."""


NO_FAULTS: Final = VMFaults()


class Faults:
    """The faults of a world's VMs, with the number of times that each has happened."""

    def __init__(self, by_vm: dict[tuple[str, str], VMFaults] | None = None) -> None:
        self._by_vm = dict(by_vm or {})
        self.fired: dict[tuple[str, str, Fault], int] = defaultdict(int)

    def of(self, namespace: str, name: str) -> VMFaults:
        """Returns the faults of a VM."""
        return self._by_vm.get((namespace, name), NO_FAULTS)

    def inject(self, namespace: str, name: str, faults: VMFaults) -> None:
        """Replaces the faults of a VM and resets their counts."""
        self._by_vm[namespace, name] = faults
        for fault in Fault:
            self.fired.pop((namespace, name, fault), None)

    def fires(self, namespace: str, name: str, fault: Fault) -> bool:
        """Returns whether a fault happens now, and counts it if so."""
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
