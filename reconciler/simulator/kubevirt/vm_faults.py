"""What goes wrong in a world, per VM: data from the world file, used up as it happens."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALWAYS: Final = -1


class Fault(StrEnum):
    """Faults that happen a given number of times, or always."""

    MIGRATION_FAILS = "migrationFails"
    PLUG_REFUSED = "plugRefused"
    TARGET_UNSCHEDULABLE = "targetUnschedulable"


@dataclass(frozen=True, slots=True, kw_only=True)
class VMFaults:
    """The faults of one VM."""

    migration_fails: int = 0
    """How many of its migrations fail; `ALWAYS` for all."""
    plug_refused: int = 0
    """How many plugs libvirt refuses; `ALWAYS` for all."""
    target_unschedulable: int = 0
    """How many target pods no node takes; `ALWAYS` for all."""
    guest_silent: bool = False
    """The guest never takes or gives memory."""
    guest_keeps: int | None = None
    """Bytes below which the guest does not shrink."""
    transfer_s: float | None = None
    """How long its memory's transfer takes, instead of what size and bandwidth give."""


NO_FAULTS: Final = VMFaults()


class Faults:
    """The faults of a world's VMs, and how often each has happened."""

    def __init__(self, by_vm: dict[tuple[str, str], VMFaults] | None = None) -> None:
        self._by_vm = dict(by_vm or {})
        self.fired: dict[tuple[str, str, Fault], int] = defaultdict(int)

    def of(self, namespace: str, name: str) -> VMFaults:
        """Returns the faults of a VM."""
        return self._by_vm.get((namespace, name), NO_FAULTS)

    def inject(self, namespace: str, name: str, faults: VMFaults) -> None:
        """Replaces the faults of a VM; those that happened before are not counted against it."""
        self._by_vm[namespace, name] = faults
        for fault in Fault:
            self.fired.pop((namespace, name, fault), None)

    def strikes(self, namespace: str, name: str, fault: Fault) -> bool:
        """Tells whether a fault happens now, and counts it if it does."""
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
