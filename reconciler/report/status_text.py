"""``status_text``: renders a table with the desired and the live memory of each VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.phrases import plural
from reconciler.report import wording
from reconciler.report.terminal_layout import Cell, Paint, Row, Tone, paragraph, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.desired.desired_state import DesiredVM
    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.live.live_state import LiveVM
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.report.status_document import Machine, Status

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
_LEAST = ("NODE", "MAX", "PHASE", "SPEC", "MIGRATION")
"""The columns to omit on a narrow terminal, least important first."""


def status_text(status: Status, *, width: int = 120, color: bool = False) -> str:
    """Render the status of all listed VMs as a text table with a final newline.

    Args:
        status: The status to render.
        width: The width of the terminal in characters.
        color: Whether to add ANSI color codes.
    """
    return "\n".join(_lines(status, Paint(enabled=color), width=width)) + "\n"


def _lines(status: Status, paint: Paint, *, width: int) -> Iterator[str]:
    desired, live, machines = status.desired, status.live, status.machines()
    cr = live.kubevirt
    parts = (
        wording.origin(desired.revision, dirty=desired.dirty),
        wording.signed(desired.in_force),
        f"cluster {live.cluster_id}",
        f"KubeVirt {cr.version or '?'} {cr.phase}".rstrip(),
        f"read {wording.utc_time(live.observed_at)}",
    )
    yield from paragraph(", ".join(filter(None, parts)), width=width)
    if machines:
        yield ""
        rows = [_row(each) for each in machines]
        yield from table(_HEAD, rows, width=width, wrap=("CONDITION",), drop=_LEAST, paint=paint)
    yield ""
    running = status.migrations_in_flight
    vms, migrations = plural(len(machines), "VM"), plural(running, "migration")
    line = f"{vms} listed, {migrations} in progress"
    unselected = sum(each.is_vm for each in desired.unselected)
    if unselected:
        line += f", {plural(unselected, 'VM')} in Git not selected"
    if status.unknown_to_git and not status.unmanaged:
        line += f", {plural(len(status.unknown_to_git), 'VM')} not in Git"
    yield f"{line}."


def _row(machine: Machine) -> Row:
    vmi = machine.vmi
    words = list(machine.conditions)
    tone = Tone.WARN if words else Tone.PLAIN
    if machine.convergence is not None:
        verdict = machine.convergence
        words.insert(0, f"{verdict.verdict} ({verdict.why.reason})")
    return Row(
        (
            Cell(machine.ref.namespace),
            Cell(machine.ref.name),
            Cell(_size_or_instancetype(machine.desired), Tone.STRONG),
            Cell(_size_or_instancetype(machine.vm)),
            Cell(_size(vmi.guest_current if vmi else None)),
            Cell(_size(vmi.max_guest if vmi else None)),
            Cell(machine.phase),
            Cell((vmi.node if vmi else "") or "-"),
            Cell(_migration(machine.migration), Tone.NOTE),
            Cell(", ".join(words) or "-", tone),
        )
    )


def _size_or_instancetype(vm: DesiredVM | LiveVM | None) -> str:
    if vm is None:
        return "-"
    return _size(vm.guest) if vm.guest else vm.instancetype or "-"


def _size(quantity: MemoryQuantity | None) -> str:
    return "-" if quantity is None else wording.spelled(quantity)


def _migration(migration: LiveMigration | None) -> str:
    if migration is None:
        return "-"
    nodes = wording.nodes(migration.source_node, migration.target_node)
    return f"{migration.phase or 'Unset'}{nodes}"
