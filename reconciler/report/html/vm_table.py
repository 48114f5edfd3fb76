"""``vm_section``: renders a plan's VMs as HTML tables by namespace, with filters."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect
from reconciler.report import wording
from reconciler.report.html.base_section import row_class, since_filter, since_mark
from reconciler.report.html.memory_bar import bar_keys, memory_cell
from reconciler.report.html.reason_texts import named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.plan.plan_forecast import VMForecast
    from reconciler.model.references import ObjectRef
    from reconciler.report.html.reason_texts import ReasonLinks

OPEN_ROWS = 60
"""The maximum number of table rows to show expanded.

The first namespace is always expanded.
"""
MOST_ROWS = 500
"""The maximum number of rows in one HTML table."""
_SEARCH = (
    '<div id="find" hidden><label for="search">Search</label><input type="search" id="search"'
    ' placeholder="name or reason" autocomplete="off" spellcheck="false">'
    '<output id="matches" for="search"></output>'
    '<button type="button" id="unfold">Unfold or fold all</button></div>'
)
_NOTHING = (
    '<p id="nothing" class="box calm" hidden>No VM matches the search and the selected effects.'
    ' <button type="button" id="reset">Show all</button></p>\n'
)
_HEAD = (
    '<thead><tr><th scope="col">Name</th><th scope="col">Memory</th><th scope="col">When</th>'
    '<th scope="col">Effect and reason</th></tr></thead>'
)


def vm_section(
    plan: Plan, links: ReasonLinks, comparison: Comparison | None = None
) -> Iterator[str]:
    """Render the section with one row for each VM in the plan; namespaces can be collapsed."""
    machines = [each for each in plan.decisions if each.ref.is_vm]
    yield '<section id="machines" tabindex="-1"><h2>Virtual machines</h2>\n'
    if not machines:
        yield '<p class="box calm">The plan contains no VM.</p></section>\n'
        return
    counts = Counter(each.effect for each in machines)
    yield '<div class="tools"><fieldset><legend>Show</legend>'
    for effect in wording.ATTENTION:
        if counts[effect]:
            yield (
                f'<label><input type="checkbox" id="show-{effect}" checked>'
                f"{named(effect)} ({counts[effect]:,})</label>"
            )
    since = since_filter(machines, comparison) if comparison else ""
    yield f"</fieldset>{since}{_SEARCH}</div>\n{_NOTHING}{_legend(counts)}"
    forecasts = wording.forecasts(plan)
    visible = 0
    for name, members in _parts(machines):
        visible += len(members)
        unfold = visible <= OPEN_ROWS or visible == len(members)
        yield from _part(name, members, forecasts, links, comparison, unfold=unfold)
    yield "</section>\n"


def _legend(counts: Mapping[Effect, int]) -> str:
    """Render the legend of the colors in memory bars."""
    keys = bar_keys(each for each in Effect if counts.get(each))
    return f'<p class="keys">{keys}<span>Each bar has its own scale.</span></p>\n'


def _parts(machines: Sequence[Decision]) -> Iterator[tuple[str, list[Decision]]]:
    """Yield the title and VMs of each table, grouped by namespace, most urgent changes first.

    A large namespace is divided into several tables, because browsers are slow with thousands of
    rows in one table.
    """
    rank = {effect: number for number, effect in enumerate(wording.ATTENTION)}
    ordered = sorted(machines, key=lambda each: (each.ref.namespace, rank[each.effect]))
    for namespace, found in groupby(ordered, key=lambda each: each.ref.namespace):
        members = list(found)
        count = -(-len(members) // MOST_ROWS)
        for number in range(count):
            part = f", part {number + 1} of {count}" if count > 1 else ""
            start = number * MOST_ROWS
            yield f"{namespace}{part}", members[start : start + MOST_ROWS]


def _part(
    title: str,
    members: Sequence[Decision],
    forecasts: Mapping[ObjectRef, VMForecast],
    links: ReasonLinks,
    comparison: Comparison | None,
    *,
    unfold: bool,
) -> Iterator[str]:
    counts = Counter(each.effect for each in members)
    parts = [
        f'<span class="badge {each}">{counts[each]} {named(each)}</span>'
        for each in wording.ATTENTION
        if counts[each]
    ]
    name = html_text(title)
    yield (
        f"<details{' open' if unfold else ''}><summary><h3>{name}</h3>"
        f" <span>{html_text(plural(len(members), 'VM'))} {' '.join(parts)}</span></summary>"
        f'<table class="vms"><caption>Virtual machines in the namespace {name}</caption>{_HEAD}'
        "<tbody>\n"
    )
    for each in members:
        yield _row(each, forecasts.get(each.ref), links, comparison)
    yield "</tbody></table></details>\n"


def _row(
    decision: Decision,
    forecast: VMForecast | None,
    links: ReasonLinks,
    comparison: Comparison | None,
) -> str:
    where = f"<small>{html_text(str(decision.at))}</small>" if decision.at else ""
    why = decision.why
    more = [f"Warning: {each}" for each in decision.warnings]
    more += [f"Hint: {why.hint}"] if why.hint else []
    paragraphs = "".join(f"<p>{html_text(each)}</p>" for each in more)
    return (
        f"<tr class={row_class(decision, comparison)}>"
        f"<th scope=row>{html_text(decision.ref.name)}{where}</th>"
        f"<td>{memory_cell(decision)}</td><td>{html_text(_when(decision, forecast))}</td>"
        f"<td>{links.link(decision)}{since_mark(decision, comparison)} "
        f"{html_text(why.message)}{paragraphs}</td></tr\n>"
    )


def _when(decision: Decision, forecast: VMForecast | None) -> str:
    """Return when a planned change takes effect, or '' if the time is unknown."""
    found = wording.eta(decision, forecast)
    return "" if found == "-" else f"in {found}" if forecast else found
