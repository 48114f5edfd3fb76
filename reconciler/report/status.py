"""Desired and live memory side by side, with the migrations in flight; text and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.live.live_state import LiveMigration, LiveVM, LiveVMI, is_false, is_true
from reconciler.model.references import ObjectRef
from reconciler.model.run.outcome import Convergence
from reconciler.report import wording
from reconciler.report.json_documents import API_VERSION, identity, plain, timestamp
from reconciler.report.json_text import dumps
from reconciler.report.terminal_layout import Cell, Paint, Row, Tone, paragraph, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.quantity import MemoryQuantity

_HEAD = (
    "NAMESPACE",
    "NAME",
    "DESIRED",
    "SPEC",
    "GUEST",
    "MAX",
    "PHASE",
    "NODE",
    "MIGRATION",
    "CONDITION",
)
_FOLDED = ("NAMESPACE", "NAME", "NODE", "MIGRATION", "CONDITION")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """One VM as both sides see it; any part may be missing."""

    ref: ObjectRef
    desired: DesiredVM | None
    vm: LiveVM | None
    vmi: LiveVMI | None
    migration: LiveMigration | None
    convergence: Convergence | None

    @property
    def phase(self) -> str:
        """The instance's phase; the VM's own word where nothing runs."""
        if self.vmi is not None and not self.vmi.final:
            return self.vmi.phase
        if self.vm is None:
            return "NotFound"
        return self.vm.printable_status or "Stopped"

    @property
    def conditions(self) -> tuple[str, ...]:
        """What a reader of memory changes should know, in KubeVirt's own condition names."""
        found = []
        on_vm = self.vm.conditions if self.vm else {}
        on_vmi = self.vmi.conditions if self.vmi else {}
        if is_true(on_vm, "RestartRequired"):
            found.append("RestartRequired")
        if is_true(on_vm, "Failure"):
            found.append(f"Failure ({on_vm['Failure'].reason})")
        if is_true(on_vmi, "HotMemoryChange"):
            found.append("HotMemoryChange")
        if is_false(on_vmi, "HotMemoryChange"):
            found.append("HotMemoryChange=False")
        if is_false(on_vmi, "LiveMigratable"):
            found.append("LiveMigratable=False")
        if is_true(on_vmi, "Paused"):
            found.append("Paused")
        return tuple(found)


def status_text(
    desired: DesiredState | None,
    live: LiveState,
    convergence: Mapping[ObjectRef, Convergence] | None = None,
    *,
    unmanaged: bool = False,
    width: int = 120,
    color: bool = False,
) -> str:
    """Desired and live memory as a table, ending in a line feed.

    Args:
        desired: What Git says; None lists every VM of the cluster.
        live: The cluster as read.
        convergence: A verdict a VM, shown in front of its conditions.
        unmanaged: Also list VMs that Git does not name; otherwise they are counted.
        width: Columns of the terminal.
        color: Whether to style with ANSI codes.
    """
    machines = _machines(desired, live, convergence or {}, unmanaged=unmanaged)
    lines = _lines(machines, desired, live, Paint(enabled=color), width=width)
    return "\n".join(lines) + "\n"


def status_json(
    desired: DesiredState | None,
    live: LiveState,
    convergence: Mapping[ObjectRef, Convergence] | None = None,
    *,
    unmanaged: bool = False,
) -> str:
    """The same as JSON; quantities as spelled, null where a side does not say one."""
    return dumps(status_document(desired, live, convergence, unmanaged=unmanaged))


def status_document(
    desired: DesiredState | None,
    live: LiveState,
    convergence: Mapping[ObjectRef, Convergence] | None = None,
    *,
    unmanaged: bool = False,
) -> dict[str, Any]:
    """The same as plain JSON values."""
    machines = _machines(desired, live, convergence or {}, unmanaged=unmanaged)
    cr = live.kubevirt
    return {
        "apiVersion": API_VERSION,
        "kind": "Status",
        "revision": desired.revision if desired else None,
        "dirty": desired.dirty if desired else False,
        "cluster": live.cluster_id,
        "observedAt": timestamp(live.observed_at),
        "kubevirt": {
            "namespace": cr.ref.namespace,
            "name": cr.ref.name,
            "version": cr.version,
            "phase": cr.phase,
        },
        "migrationsInFlight": _in_flight(live),
        "vms": [_document(each) for each in machines],
    }


def _machines(
    desired: DesiredState | None,
    live: LiveState,
    convergence: Mapping[ObjectRef, Convergence],
    *,
    unmanaged: bool,
) -> list[_Machine]:
    named = desired.vms if desired else {}
    everything = unmanaged or desired is None
    refs = sorted({*named, *live.vms} if everything else named)
    return [
        _Machine(
            ref=ref,
            desired=named.get(ref),
            vm=live.vms.get(ref),
            vmi=live.vmis.get(ref),
            migration=_unfinished(live.migrations.get(ref, ())),
            convergence=convergence.get(ref),
        )
        for ref in refs
    ]


def _lines(
    machines: list[_Machine],
    desired: DesiredState | None,
    live: LiveState,
    paint: Paint,
    *,
    width: int,
) -> Iterator[str]:
    cr = live.kubevirt
    parts = [f"cluster {live.cluster_id}", f"KubeVirt {cr.version or '?'} {cr.phase}".rstrip()]
    if desired is not None:
        parts.insert(0, wording.origin(desired.revision, dirty=desired.dirty))
    parts.append(f"read {wording.moment(live.observed_at)}")
    yield from paragraph(", ".join(parts), width=width)
    if machines:
        yield ""
        rows = [_row(each) for each in machines]
        yield from table(_HEAD, rows, width=width, wrap=_FOLDED, paint=paint)
    yield ""
    running = _in_flight(live)
    line = f"{_plural(len(machines), 'VM')} listed, {_plural(running, 'migration')} in flight"
    hidden = len(live.vms.keys() - {each.ref for each in machines})
    yield line + (f", {_plural(hidden, 'VM')} that Git does not name." if hidden else ".")


def _row(machine: _Machine) -> Row:
    vmi = machine.vmi
    words = list(machine.conditions)
    tone = Tone.WARN if words else Tone.PLAIN
    if machine.convergence is not None:
        verdict = machine.convergence
        words.insert(0, f"{verdict.verdict} ({verdict.reason})")
    return Row(
        (
            Cell(machine.ref.namespace),
            Cell(machine.ref.name),
            Cell(_desired_size(machine.desired), Tone.STRONG),
            Cell(_spec_size(machine.vm)),
            Cell(_size(vmi.guest_current if vmi else None)),
            Cell(_size(vmi.max_guest if vmi else None)),
            Cell(machine.phase),
            Cell((vmi.node if vmi else "") or "-"),
            Cell(_migration(machine.migration), Tone.NOTE),
            Cell(", ".join(words) or "-", tone),
        )
    )


def _document(machine: _Machine) -> dict[str, Any]:
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
        "reason": convergence.reason,
        "message": convergence.message,
        "hint": convergence.hint,
    }


def _unfinished(migrations: tuple[LiveMigration, ...]) -> LiveMigration | None:
    return next((each for each in reversed(migrations) if not each.phase.finished), None)


def _in_flight(live: LiveState) -> int:
    return sum(not each.phase.finished for of_vm in live.migrations.values() for each in of_vm)


def _desired_size(desired: DesiredVM | None) -> str:
    if desired is None:
        return "-"
    return _size(desired.guest) if desired.guest else desired.instancetype or "-"


def _spec_size(vm: LiveVM | None) -> str:
    if vm is None:
        return "-"
    return _size(vm.guest) if vm.guest else vm.instancetype or "-"


def _size(quantity: MemoryQuantity | None) -> str:
    return "-" if quantity is None else wording.spelled(quantity)


def _migration(migration: LiveMigration | None) -> str:
    if migration is None:
        return "-"
    phase = migration.phase or "Unset"
    if not migration.target_node:
        return phase
    return f"{phase} {migration.source_node or '?'} -> {migration.target_node}"


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
