"""``status_document``: converts the desired and the live memory of VMs to JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.desired.desired_state import DesiredState, DesiredVM
from reconciler.model.desired.scope import Scope
from reconciler.model.live.conditions import HOT_MEMORY_CHANGE, is_false, is_true
from reconciler.model.live.live_migration import LiveMigration
from reconciler.model.live.live_state import LiveState, LiveVM, LiveVMI
from reconciler.model.references import ObjectRef
from reconciler.model.run.outcome import Convergence
from reconciler.report.json_documents import commit_document
from reconciler.report.json_text import dumps
from reconciler.report.json_values import API_VERSION, identity, plain, timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A VM that exists in Git, in the cluster, or in both."""

    ref: ObjectRef
    desired: DesiredVM | None
    vm: LiveVM | None
    vmi: LiveVMI | None
    migration: LiveMigration | None
    convergence: Convergence | None

    @property
    def phase(self) -> str:
        """The phase of the VMI or, if the VM is stopped, the VM's ``printableStatus``."""
        if self.vmi is not None and not self.vmi.final:
            return self.vmi.phase
        if self.vm is None:
            return "NotFound"
        return self.vm.printable_status or "Stopped"

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions of a VM and its VMI that explain a pending or failed memory change."""
        on_vm = self.vm.conditions if self.vm else {}
        on_vmi = self.vmi.conditions if self.vmi else {}
        failure = on_vm.get("Failure")
        known = {
            "RestartRequired": is_true(on_vm, "RestartRequired"),
            f"Failure ({failure and failure.reason})": is_true(on_vm, "Failure"),
            HOT_MEMORY_CHANGE: is_true(on_vmi, HOT_MEMORY_CHANGE),
            f"{HOT_MEMORY_CHANGE}=False": is_false(on_vmi, HOT_MEMORY_CHANGE),
            "LiveMigratable=False": is_false(on_vmi, "LiveMigratable"),
            "Paused": is_true(on_vmi, "Paused"),
        }
        return tuple(text for text, applies in known.items() if applies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The desired state in Git and the live state of the cluster at one moment."""

    desired: DesiredState
    live: LiveState
    convergence: Mapping[ObjectRef, Convergence]
    """Whether the guest of each VM has the desired memory, with an explanation."""
    unmanaged: bool = False
    """Whether the status also lists VMs that are not in Git."""
    scope: Scope = field(default_factory=Scope)
    """The namespace or the VM names that the command line selects."""

    @property
    def migrations_in_flight(self) -> int:
        """The number of unfinished VM migrations in the cluster."""
        found = self.live.migrations.values()
        return sum(not each.phase.finished for of_vm in found for each in of_vm)

    @property
    def unknown_to_git(self) -> frozenset[ObjectRef]:
        """The VMs in the cluster that the command line selects and that are not in Git."""
        known = self.desired.vms.keys() | self.desired.unselected
        return frozenset(filter(self.scope.includes, self.live.vms.keys() - known))

    def machines(self) -> list[Machine]:
        """Return the VMs that the status lists, sorted by namespace and name."""
        named, live = self.desired.vms, self.live
        others = self.unknown_to_git if self.unmanaged else ()
        return [
            Machine(
                ref=ref,
                desired=named.get(ref),
                vm=live.vms.get(ref),
                vmi=live.vmis.get(ref),
                migration=_unfinished(live.migrations.get(ref, ())),
                convergence=self.convergence.get(ref),
            )
            for ref in sorted({*named, *others})
        ]


def status_json(status: Status) -> str:
    """Convert the status of VMs to JSON; sizes are written as in Git or the cluster."""
    return dumps(status_document(status))


def status_document(status: Status) -> dict[str, Any]:
    """Convert the status of all listed VMs to JSON values."""
    desired, live, cr = status.desired, status.live, status.live.kubevirt
    return {
        "apiVersion": API_VERSION,
        "kind": "Status",
        "revision": desired.revision,
        "dirty": desired.dirty,
        "commit": commit_document(desired.in_force),
        "cluster": live.cluster_id,
        "observedAt": timestamp(live.observed_at),
        "kubevirt": {
            "namespace": cr.ref.namespace,
            "name": cr.ref.name,
            "version": cr.version,
            "phase": cr.phase,
        },
        "migrationsInFlight": status.migrations_in_flight,
        "vms": [_document(each) for each in status.machines()],
    }


def _document(machine: Machine) -> dict[str, Any]:
    desired, vm, vmi = machine.desired, machine.vm, machine.vmi
    return {
        **identity(machine.ref),
        "desired": plain(desired.guest) if desired else None,
        "desiredInstancetype": desired.instancetype if desired else None,
        "spec": plain(vm.guest) if vm else None,
        "specInstancetype": vm.instancetype if vm else None,
        "guestRequested": plain(vmi.guest_requested) if vmi else None,
        "guestCurrent": plain(vmi.guest_current) if vmi else None,
        "guestAtBoot": plain(vmi.guest_at_boot) if vmi else None,
        "maxGuest": plain(vmi.max_guest) if vmi else None,
        "phase": machine.phase,
        "node": (vmi.node or None) if vmi else None,
        "conditions": list(machine.conditions),
        "migration": _migration_document(machine.migration),
        "convergence": _convergence_document(machine.convergence),
    }


def _migration_document(migration: LiveMigration | None) -> dict[str, Any] | None:
    if migration is None:
        return None
    return {
        "name": migration.ref.name,
        "uid": migration.uid,
        "phase": str(migration.phase),
        "sourceNode": migration.source_node or None,
        "targetNode": migration.target_node or None,
    }


def _convergence_document(convergence: Convergence | None) -> dict[str, Any] | None:
    if convergence is None:
        return None
    return {
        "verdict": str(convergence.verdict),
        "reason": convergence.why.reason,
        "message": convergence.why.message,
        "hint": convergence.why.hint,
    }


def _unfinished(migrations: tuple[LiveMigration, ...]) -> LiveMigration | None:
    return next((each for each in reversed(migrations) if not each.phase.finished), None)
