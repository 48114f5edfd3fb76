"""``queue_section``: the changes that have not started, with the forecast of their ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report import wording
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.page_times import time_html, time_text
from reconciler.report.html.time_bar import time_bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.plan.plan import Forecast, VMForecast
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_ROWS = 20
"""The maximum number of changes that the page lists."""


def queue_section(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> str:
    """Return the section of the queue; its size does not grow with the fleet."""
    return "".join(_pieces(view, vms, links))


def _pieces(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> Iterator[str]:
    yield '<section id="queue" data-part="queue"><h2>Queue</h2>\n'
    queued = [each for each in vms if each.queued]
    if not queued or view.plan is None:
        yield '<p class="faint">No change waits for its start.</p></section>\n'
        return
    forecast = view.plan.forecast
    if view.next_run is not None and view.next_run.why:
        at, why = time_html(view.next_run.at, view.at), html_text(view.next_run.why, 300)
        yield f'<p class="box calm">The next run starts at {at}: {why}.</p>\n'
    if costs := wording.costs(forecast):
        yield f"<p>{html_text(costs)}</p>\n"
    expected = {each.ref: each for each in forecast.vms}
    last = len(forecast.vms)
    ordered = sorted(
        queued, key=lambda each: found.position if (found := expected.get(each.ref)) else last + 1
    )
    started = view.run is not None
    when = "Guest has its memory" if started else "After the start of the run"
    yield '<table class="flow"><caption>Changes that have not started, in their order</caption>'
    yield "<thead><tr>"
    for title in ("VM", "Memory", "Node and batch", when):
        yield f'<th scope="col">{title}</th>'
    yield "</tr></thead><tbody>\n"
    for each in ordered[:MAX_ROWS]:
        yield _row(each, expected.get(each.ref), view, links)
    yield "</tbody></table>"
    if len(ordered) > MAX_ROWS:
        words = f"{len(ordered) - MAX_ROWS:,} more VMs"
        more = links.fleet(FleetFilter(effect="live"))
        yield f'<p>{words} are in the queue. <a href="{html_text(more)}">Show live changes</a></p>'
    yield "</section>\n"


def _row(vm: FleetVM, found: VMForecast | None, view: ServiceView, links: PageLinks) -> str:
    batch = f"<small>{html_text(found.batch, 80)}</small>" if found and found.batch else ""
    node = html_text(vm.node or (found.node if found else "") or "not running", 80)
    return (
        f'<tr><th scope="row">{links.vm_link(vm.ref)}</th>'
        f"<td>{html_text(vm.sizes, 80)}</td><td>{node}{batch}</td>"
        f"<td>{_when(vm, found, view)}</td></tr>\n"
    )


def _when(vm: FleetVM, found: VMForecast | None, view: ServiceView) -> str:
    if found is None or view.plan is None:
        return html_text(wording.eta(vm.decision, None).replace("-", "at once"))
    bar = _bar(found, view.plan.forecast)
    if view.run is None:
        return html_text(wording.span(found.earliest_s, found.latest_s)) + bar
    start = max(view.run.started_at, view.plan.observed_at)
    earliest, latest = (
        start + timedelta(seconds=each) for each in (found.earliest_s, found.latest_s)
    )
    first = time_text(earliest, view.at).removesuffix(" UTC")
    return f"{first} to {time_html(latest, view.at)}{bar}"


def _bar(found: VMForecast, forecast: Forecast) -> str:
    earliest_s = found.earliest_s
    return time_bar(earliest_s, earliest_s, found.latest_s, forecast.latest_s)
