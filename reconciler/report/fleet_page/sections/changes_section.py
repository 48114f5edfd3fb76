"""``changes_section``: renders the memory changes in progress, with phase and progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.live.live_migration import MigrationPhase
from reconciler.report import wording
from reconciler.report.fleet_page.fleet_vm import Stage
from reconciler.report.fleet_page.page_times import time_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_ROWS = 10
"""The maximum number of memory changes that the page lists in this section."""
_MAX_TEXT = 200
PHASES: Mapping[MigrationPhase, str] = {
    MigrationPhase.UNSET: "the migration has just been created",
    MigrationPhase.PENDING: "the migration waits for a free slot",
    MigrationPhase.SCHEDULING: "the target pod waits for a node",
    MigrationPhase.SCHEDULED: "the target pod is starting",
    MigrationPhase.PREPARING_TARGET: "the target is being prepared",
    MigrationPhase.TARGET_READY: "the target is ready",
    MigrationPhase.WAITING_FOR_SYNC: "the migration waits for the other cluster",
    MigrationPhase.SYNCHRONIZING: "the migration synchronizes with the other cluster",
    MigrationPhase.RUNNING: "memory is being copied to the target",
    MigrationPhase.SUCCEEDED: "the migration has succeeded",
    MigrationPhase.FAILED: "the migration has failed",
}
"""The words that the page shows for each phase of a KubeVirt migration.

Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go.
"""


def changes_section(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> str:
    """Render the section about the memory changes in progress; at most 10 are listed."""
    changing = [each for each in vms if each.stage is Stage.CHANGING]
    return "".join(_pieces(view, changing, links))


def _pieces(view: ServiceView, changing: Sequence[FleetVM], links: PageLinks) -> Iterator[str]:
    idle = "" if changing else ' class="idle"'
    yield f'<section id="now" data-part="now"{idle}><h2>Changing now</h2>\n'
    if view.run is not None:
        started = time_html(view.run.started_at, view.at)
        commit = html_text(wording.origin(view.run.plan.revision, dirty=view.run.plan.dirty))
        message = f": {html_text(view.run.message, _MAX_TEXT)}" if view.run.message else ""
        run_id = html_text(view.run.run_id, 80)
        yield f"<p>Run {run_id} applies {commit} since {started}{message}.</p>\n"
    if not changing:
        words = "No memory change is in progress."
        yield f'<p class="faint">{words}</p></section>\n'
        return
    yield '<ul class="changes">\n'
    yield from (_row(each, view, links) for each in changing[:MAX_ROWS])
    yield "</ul>"
    if (more := len(changing) - MAX_ROWS) and more > 0:
        yield f'<p class="faint">{more:,} more changes are in progress.</p>'
    yield "</section>\n"


def _row(vm: FleetVM, view: ServiceView, links: PageLinks) -> str:
    phase, where, since = migration_words(vm), "", ""
    if vm.migration is not None:
        where = migration_nodes(vm.migration)
        began = vm.migration.started_at or vm.migration.created_at
        since = f" since {time_html(began, view.at)}" if began else ""
    details = f"<small>{html_text(where, _MAX_TEXT)}{since}</small>" if where or since else ""
    return (
        f"<li><b>{links.vm_link(vm.ref)}</b> <span>{html_text(vm.sizes, 80)}</span>"
        f"<p>{progress_bar(vm)}</p><p>{html_text(phase, _MAX_TEXT)}{details}</p></li>\n"
    )


def migration_words(vm: FleetVM) -> str:
    """Describe the current phase of a VM's migration or memory change in words."""
    if vm.migration is not None:
        return PHASES[vm.migration.phase]
    if vm.progress is not None and vm.progress.message:
        return vm.progress.message
    return vm.decision.why.message


def migration_nodes(migration: LiveMigration) -> str:
    """Format a migration's source and target nodes, or an empty string if neither is known."""
    if not (migration.source_node or migration.target_node):
        return ""
    return f"{migration.source_node or 'not known'} → {migration.target_node or 'not known'}"


def progress_bar(vm: FleetVM) -> str:
    """Render an HTML bar with the progress of a VM's change, if known in percent."""
    name = html_text(f"progress of {vm.ref.namespaced_name}")
    fraction = vm.progress.fraction if vm.progress else None
    if fraction is None and vm.migration is not None:
        fraction = vm.migration.phase.fraction
    if fraction is None:
        return f'<progress aria-label="{name}"></progress>'
    percent = round(100 * min(max(fraction, 0.0), 1.0))
    bar = f'<progress aria-label="{name}" max="100" value="{percent}"></progress>'
    return f"{bar} <span aria-hidden=true>{percent}%</span>"
