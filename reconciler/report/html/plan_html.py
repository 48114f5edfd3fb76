"""``plan_html``: renders a plan as one HTML page that loads no external resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Effect
from reconciler.report import wording
from reconciler.report.findings import is_about_plan
from reconciler.report.html.base_section import BASE_TITLE, base_section, since_mark
from reconciler.report.html.finding_section import finding_section
from reconciler.report.html.page_frame import PAGE_END, page_start
from reconciler.report.html.page_header import headline, navigation, page_header
from reconciler.report.html.reason_texts import (
    OTHER_TITLE,
    PERSON_TITLE,
    ReasonLinks,
    reason_counts,
    reason_section,
)
from reconciler.report.html.settings_table import settings_table
from reconciler.report.html.timeline import timeline
from reconciler.report.html.vm_table import vm_section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Decision, Plan


def plan_html(
    plan: Plan, *, comparison: Comparison | None = None, docs_url: str = ""
) -> Iterator[str]:
    """Render a plan as an HTML page, in pieces.

    Args:
        plan: The plan to show.
        comparison: The comparison with the base commit's plan, or None. If it is given, the page
            marks each VM, and a checkbox hides VMs that do not differ from the base commit.
        docs_url: The http or https base URL of the documentation of reason codes. If it is
            empty, the page itself explains the reasons.
    """
    links = ReasonLinks(docs_url)
    yield from page_start(f"Memory plan: {headline(plan)}")
    yield '<a class="skip" href="#machines">Skip to the virtual machines</a>\n'
    yield from page_header(plan, comparison)
    yield navigation(_sections(plan, comparison, docs_url))
    yield "<main>\n"
    yield from _notes(plan)
    if comparison is not None:
        yield from base_section(comparison)
    yield from reason_section(plan, person=True, docs_url=docs_url)
    yield from finding_section(_listed(plan), comparison)
    yield from _configuration(plan, comparison, links)
    yield from timeline(plan.forecast)
    yield from vm_section(plan, links, comparison)
    yield from reason_section(plan, person=False, docs_url=docs_url)
    yield f"</main>\n{PAGE_END}"


def _sections(plan: Plan, comparison: Comparison | None, docs_url: str) -> list[tuple[str, str]]:
    """Return the HTML IDs and titles of the sections that a plan's page contains."""
    every = (
        ("base", BASE_TITLE, comparison is not None),
        ("person", PERSON_TITLE, bool(reason_counts(plan, person=True))),
        ("findings", "Findings", bool(_listed(plan))),
        ("configuration", "KubeVirt configuration", bool(_configured(plan))),
        ("forecast", "Forecast", bool(plan.forecast.vms)),
        ("machines", "Virtual machines", True),
        ("reasons", OTHER_TITLE, bool(not docs_url and reason_counts(plan, person=False))),
    )
    return [(name, title) for name, title, present in every if present]


def _notes(plan: Plan) -> Iterator[str]:
    for each in filter(is_about_plan, plan.diagnostics):
        label = str(each.severity).capitalize()
        words = html_text(f"{label}: {each.message}; {each.hint}.")
        yield f'<p class="box bad">{words}</p>\n'
    if plan.errored:
        words = "Some manifests in Git are invalid; this plan omits their objects."
        yield f'<p class="box bad">{words}</p>\n'
    for number, wave in enumerate(plan.waves, 1):
        if wave.barrier is not None:
            limit = wording.duration(wave.barrier.deadline_s)
            starts = f"Wave {number} ({wave.name}) starts when {wave.barrier.condition}"
            yield f'<p class="box calm">{html_text(f"{starts} (waits at most {limit}).")}</p>\n'
        if wave.name is WaveName.RESTART:
            yield f'<p class="box">{html_text(wording.restarts(wave))}.</p>\n'


def _listed(plan: Plan) -> list[Diagnostic]:
    """Return the problems for the table; those about the whole plan are shown above it."""
    return [each for each in plan.diagnostics if not is_about_plan(each)]


def _configuration(plan: Plan, comparison: Comparison | None, links: ReasonLinks) -> Iterator[str]:
    found = _configured(plan)
    if not found:
        return
    yield '<section id="configuration"><h2>KubeVirt configuration</h2>'
    for each in found:
        link = f'<span class="badge {each.effect}">{links.link(each)}</span>'
        state = since_mark(each, comparison)
        yield f"<p>{link}{state} {html_text(f'{each.ref}: {each.why.message}')}</p>\n"
        more = [*(f"Warning: {text}" for text in each.warnings)]
        more += [f"Hint: {each.why.hint}"] if each.why.hint else []
        yield from (f"<p>{html_text(text)}</p>\n" for text in more)
        yield from settings_table(each, comparison)
    yield "</section>\n"


def _configured(plan: Plan) -> list[Decision]:
    """Return the decisions about KubeVirt settings, or none if no setting needs a change."""
    found = [each for each in plan.decisions if not each.ref.is_vm]
    needed = any(each.changes or each.effect is not Effect.NONE for each in found)
    return found if needed else []
