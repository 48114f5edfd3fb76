"""``past_section``: renders the latest runs, plans and notifications."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.report import wording
from reconciler.report.fleet_page.page_times import time_html
from reconciler.report.fleet_page.sections.notification_rows import notification_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.run.outcome import RunReport
    from reconciler.model.service.view import PlanRecord, ServiceView
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_ROWS = 10
"""The maximum number of past runs, and of past plans, that the page lists."""
_MAX_TEXT = 300
_CLASSES = {ExitCode.DONE: "live", ExitCode.BLOCKED: "restart", ExitCode.DEADLINE: "restart"}
"""Maps the exit code of a run to the CSS class of its badge; others get an alert color."""


def past_section(view: ServiceView, links: PageLinks) -> str:
    """Render the section about the latest runs, plans and notifications; at most 10 of each."""
    return "".join(_pieces(view, links))


def _pieces(view: ServiceView, links: PageLinks) -> Iterator[str]:
    yield '<section id="past" data-part="past"><h2>History</h2>\n'
    since = time_html(view.history_since, view.at)
    yield f'<p class="faint">The history is in memory and starts at {since}.</p>\n'
    if view.runs:
        yield '<table class="past"><caption>The last runs, the newest first</caption><thead><tr>'
        for title in ("Run", "Commit", "Result"):
            yield f'<th scope="col">{title}</th>'
        yield "</tr></thead><tbody>\n"
        yield from (_run(each, view, links) for each in view.runs[:MAX_ROWS])
        yield "</tbody></table>\n"
    if view.plans:
        yield '<table class="past"><caption>The last plans, the newest first</caption><thead><tr>'
        for title in ("Plan", "Commit", "Objects by effect"):
            yield f'<th scope="col">{title}</th>'
        yield "</tr></thead><tbody>\n"
        yield from (_plan(each, view) for each in view.plans[:MAX_ROWS])
        yield "</tbody></table>\n"
    yield from notification_rows(view)
    if not view.runs and not view.plans:
        yield '<p class="faint">No run and no plan exist yet.</p>'
    yield "</section>\n"


def _run(run: RunReport, view: ServiceView, links: PageLinks) -> str:
    seconds = (run.ended_at - run.started_at).total_seconds()
    counts = Counter(each.result for each in run.outcomes)
    results = ", ".join(f"{counts[each]:,} {each}" for each in Result if counts[each])
    name = run.exit.name.lower().replace("_", " ")
    message = html_text(run.message or wording.verdict(run), _MAX_TEXT)
    run_id = html_text(run.run_id, 80)
    return (
        f'<tr><th scope="row">{time_html(run.started_at, view.at)}'
        f'<small><a href="{html_text(links.run(run.run_id))}">{run_id}</a></small></th>'
        f"<td>{_commit(run.plan.revision, dirty=run.plan.dirty)}</td>"
        f'<td><span class="badge {_CLASSES.get(run.exit, "blocked")}">{name}</span> {message}'
        f"<small>{html_text(results or 'no object')} in {wording.duration(seconds)}</small></td>"
        "</tr>\n"
    )


def _plan(plan: PlanRecord, view: ServiceView) -> str:
    unchanged = "unchanged"
    counts = ", ".join(
        f"{n:,} {unchanged if effect == 'none' else effect}" for effect, n in plan.summary.items()
    )
    digest = html_text(wording.short_digest(plan.digest), 80)
    return (
        f'<tr><th scope="row">{time_html(plan.at, view.at)}<small>{digest}</small></th>'
        f"<td>{_commit(plan.revision, dirty=False)}</td>"
        f"<td>{html_text(counts or 'no object', _MAX_TEXT)}</td></tr>\n"
    )


def _commit(revision: str, *, dirty: bool) -> str:
    return html_text(wording.origin(revision, dirty=dirty), 120)
