"""``ObjectStore``, ``MigrationStore``: store the newest decoded objects of one kind.

The informer's lock protects the stores. After a change, the objects are copied only when a reader
requests them, not for each event.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar

from reconciler.cluster.decode import workloads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.cluster.decode.pages import Decoded
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.live.live_owner import LiveOwner
    from reconciler.model.live.live_state import LiveKubeVirt, LiveVM, LiveVMI
    from reconciler.model.references import ObjectRef

V = TypeVar("V")
R = TypeVar("R")
L = TypeVar("L", "LiveKubeVirt", "LiveOwner", "LiveVM", "LiveVMI")


class Store(ABC, Generic[V, R]):
    """Stores decoded objects and diagnostics by object reference, with a copy for readers."""

    def __init__(self) -> None:
        self._rows: dict[ObjectRef, R] = {}
        self._findings: dict[ObjectRef, Diagnostic] = {}
        self._view: Mapping[ObjectRef, R] | None = None

    @property
    def view(self) -> Mapping[ObjectRef, R]:
        """An immutable copy of the stored objects."""
        if self._view is None:
            self._view = MappingProxyType(dict(self._rows))
        return self._view

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """One diagnostic for each unreadable object."""
        return tuple(self._findings.values())

    def replace(self, values: Iterable[V], findings: Iterable[Diagnostic]) -> None:
        """Replace all stored objects and diagnostics with those of a new list."""
        self._rows = {}
        for value in values:
            self.put(value)
        self._findings = {each.ref: each for each in findings if each.ref}
        self._view = None

    @abstractmethod
    def put(self, value: V) -> None:
        """Store a decoded object, and replace its earlier version if one is stored."""

    @abstractmethod
    def drop(self, ref: ObjectRef) -> None:
        """Remove an object and its diagnostic from the store."""

    def take(self, ref: ObjectRef, decoded: Decoded[V]) -> None:
        """Replace an object with its newest version, or with a diagnostic if it is unreadable."""
        self.drop(ref)
        for value in decoded.values:
            self.put(value)
        for finding in decoded.diagnostics:
            self._findings[ref] = finding


class ObjectStore(Store[L, L]):
    """Stores each decoded object under its own reference."""

    def put(self, value: L) -> None:
        """Store a decoded object, and replace its earlier version if one is stored."""
        self._rows[value.ref] = value
        self._view = None

    def drop(self, ref: ObjectRef) -> None:
        """Remove an object and its diagnostic from the store."""
        self._rows.pop(ref, None)
        self._findings.pop(ref, None)
        self._view = None


class MigrationStore(Store["LiveMigration", "tuple[LiveMigration, ...]"]):
    """Stores migrations under the reference to their VM, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self._vms: dict[ObjectRef, ObjectRef] = {}

    def put(self, value: LiveMigration) -> None:
        """Store a decoded migration, and replace its earlier version if one is stored."""
        vm = workloads.vm_of(value)
        others = (each for each in self._rows.get(vm, ()) if each.ref != value.ref)
        self._rows[vm] = tuple(sorted((*others, value), key=workloads.age_order))
        self._vms[value.ref] = vm
        self._view = None

    def drop(self, ref: ObjectRef) -> None:
        """Remove a migration and its diagnostic from the store."""
        self._findings.pop(ref, None)
        vm = self._vms.pop(ref, None)
        if vm is None:
            return
        rest = tuple(each for each in self._rows[vm] if each.ref != ref)
        if rest:
            self._rows[vm] = rest
        else:
            del self._rows[vm]
        self._view = None

    def replace(self, values: Iterable[LiveMigration], findings: Iterable[Diagnostic]) -> None:
        """Replace all stored migrations and diagnostics with those of a new list."""
        self._vms = {}
        super().replace(values, findings)
