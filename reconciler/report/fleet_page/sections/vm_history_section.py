"""``vm_history_section``: renders the past memory changes and the migrations of one VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report import wording
from reconciler.report.fleet_page.page_times import time_html
from reconciler.report.fleet_page.sections.changes_section import PHASES, migration_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.service.view import ServiceView, VMChange
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_ROWS = 50
"""The maximum number of memory changes, and of migrations, that a VM's page lists."""
_MAX_TEXT = 500


def vm_history_section(vm: FleetVM, view: ServiceView, links: PageLinks) -> str:
    """Render the section about a VM's migrations and past memory changes."""
    return "".join(_pieces(vm, view, links))


def _pieces(vm: FleetVM, view: ServiceView, links: PageLinks) -> Iterator[str]:
    yield '<section id="history"><h2>History</h2>\n'
    since = time_html(view.history_since, view.at)
    yield f'<p class="faint">The history is in memory and starts at {since}.</p>\n'
    changes = view.changes.get(vm.ref, ())
    if changes:
        yield from _changes(changes, view, links)
    else:
        yield "<p>No change of the VM's memory since then.</p>\n"
    if migrations := (view.live.migrations.get(vm.ref, ()) if view.live else ()):
        yield from _migrations(migrations, view)
    yield "</section>\n"


def _changes(changes: Sequence[VMChange], view: ServiceView, links: PageLinks) -> Iterator[str]:
    yield '<table class="past"><caption>Changes, the newest first</caption><thead><tr>'
    for title in ("Change", "Commit and run", "Result"):
        yield f'<th scope="col">{title}</th>'
    yield "</tr></thead><tbody>\n"
    for each in changes[:MAX_ROWS]:
        before, after = (wording.spelled(size) for size in (each.before, each.after))
        took = f" after {wording.duration(each.seconds)}" if each.seconds is not None else ""
        commit = html_text(wording.origin(each.revision, dirty=False), 120)
        run = f'<a href="{html_text(links.run(each.run_id))}">{html_text(each.run_id, 80)}</a>'
        yield (
            f'<tr><th scope="row">{html_text(f"{before} → {after}", 80)}'
            f"<small>{time_html(each.at, view.at)}</small></th>"
            f"<td>{commit}<small>{run}</small></td>"
            f"<td>{html_text(each.result, 80)}{took}"
            f"<small>{links.reason_link(each.reason)}</small></td></tr>\n"
        )
    yield "</tbody></table>\n"


def _migrations(migrations: Sequence[LiveMigration], view: ServiceView) -> Iterator[str]:
    yield '<h3>Migrations</h3><table class="past">'
    yield "<caption>Migrations in the cluster, the newest first</caption><thead><tr>"
    for title in ("Migration", "Nodes", "State"):
        yield f'<th scope="col">{title}</th>'
    yield "</tr></thead><tbody>\n"
    for each in list(reversed(migrations))[:MAX_ROWS]:
        began = each.started_at or each.created_at
        times = [
            f"{word} {time_html(at, view.at)}"
            for word, at in (("from", began), ("until", each.ended_at))
            if at
        ]
        failure = f" ({html_text(each.failure_reason, _MAX_TEXT)})" if each.failure_reason else ""
        yield (
            f'<tr><th scope="row">{html_text(each.ref.name, 120)}'
            f"<small>{' '.join(times)}</small></th>"
            f"<td>{html_text(migration_nodes(each) or 'not known', 200)}</td>"
            f"<td>{PHASES[each.phase]}{failure}</td></tr>\n"
        )
    yield "</tbody></table>\n"
