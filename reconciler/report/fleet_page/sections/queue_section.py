"""``queue_section``: renders the changes that have not started, with the expected end times."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report import wording
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.page_times import minute_text, time_html
from reconciler.report.html.time_bar import time_bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from reconciler.model.plan.plan import Plan
    from reconciler.model.plan.plan_forecast import VMForecast
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_ROWS = 20
"""The maximum number of waiting changes that the page lists."""


def queue_section(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> str:
    """Render the section about changes that have not started; at most 20 are listed."""
    return "".join(_pieces(view, vms, links))


def _pieces(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> Iterator[str]:
    yield '<section id="queue" data-part="queue"><h2>Queue</h2>\n'
    queued = [each for each in vms if each.queued]
    if not queued or view.plan is None:
        yield '<p class="faint">No change is waiting to start.</p></section>\n'
        return
    forecast = view.plan.forecast
    if view.next_run is not None and view.next_run.why:
        at, why = time_html(view.next_run.at, view.at), html_text(view.next_run.why, 300)
        yield f'<p class="box calm">The next run starts at {at}: {why}.</p>\n'
    times = _Times(view, view.plan)
    if load := wording.load(forecast):
        yield f"<p>{html_text(load)}, done {times.end()}.</p>\n"
    expected = {each.ref: each for each in forecast.vms}
    last = len(forecast.vms)
    ordered = sorted(
        queued, key=lambda each: found.position if (found := expected.get(each.ref)) else last + 1
    )
    when = "Guest has its memory" if view.run else "After the start of the run"
    yield '<table class="flow"><caption>Changes that have not started, in their order</caption>'
    yield "<thead><tr>"
    for title in ("VM", "Memory", "Node and batch", when):
        yield f'<th scope="col">{title}</th>'
    yield "</tr></thead><tbody>\n"
    for each in ordered[:MAX_ROWS]:
        yield _row(each, expected.get(each.ref), times, links)
    yield "</tbody></table>"
    if len(ordered) > MAX_ROWS:
        words = f"{len(ordered) - MAX_ROWS:,} more VMs"
        more = links.fleet(FleetFilter(effect="live"))
        yield f'<p>{words} are in the queue. <a href="{html_text(more)}">Show live changes</a></p>'
    yield "</section>\n"


def _row(vm: FleetVM, found: VMForecast | None, times: _Times, links: PageLinks) -> str:
    batch = f"<small>{html_text(found.batch, 80)}</small>" if found and found.batch else ""
    node = html_text(vm.node or (found.node if found else "") or "not running", 80)
    if found is None:
        when = html_text(wording.eta(vm.decision, None).replace("-", "at once"))
    else:
        when = times.span(found.earliest_s, found.latest_s) + times.bar(found)
    return (
        f'<tr><th scope="row">{links.vm_link(vm.ref)}</th>'
        f"<td>{html_text(vm.sizes, 80)}</td><td>{node}{batch}</td><td>{when}</td></tr>\n"
    )


class _Times:
    """Formats forecast times: in UTC during a run, and otherwise relative to the run's start.

    During a run, the forecast changes with each new plan. The earliest time is rounded down to a
    full minute, and the latest time up, so that the page does not change every second.
    """

    def __init__(self, view: ServiceView, plan: Plan) -> None:
        self._now, self._forecast = view.at, plan.forecast
        run = view.run
        self._start = max(run.started_at, plan.observed_at) if run else None

    def span(self, earliest_s: float, latest_s: float) -> str:
        """Format the range from the earliest to the latest end of a change."""
        if self._start is None:
            return html_text(wording.span(earliest_s, latest_s))
        earliest, latest = self._rounded(earliest_s, latest_s)
        first = minute_text(earliest, self._now).removesuffix(" UTC")
        return f"{first} to {minute_text(latest, self._now)}"

    def end(self) -> str:
        """Format the time by which all guests are expected to have their new memory."""
        earliest_s, latest_s = self._forecast.earliest_s, self._forecast.latest_s
        if self._start is None:
            return html_text(f"in {wording.span(earliest_s, latest_s)}")
        return f"by {minute_text(self._rounded(0, latest_s)[1], self._now)}"

    def bar(self, found: VMForecast) -> str:
        """Draw a bar from the earliest to the latest expected end of a change."""
        earliest_s, latest_s, end_s = found.earliest_s, found.latest_s, self._forecast.latest_s
        if self._start is not None:
            origin, end = self._rounded(0, end_s)
            earliest, latest = self._rounded(earliest_s, latest_s)
            earliest_s, latest_s, end_s = (
                (each - origin).total_seconds() for each in (earliest, latest, end)
            )
        return time_bar(earliest_s, earliest_s, latest_s, end_s)

    def _rounded(self, earliest_s: float, latest_s: float) -> tuple[datetime, datetime]:
        start = self._start or self._now
        earliest, latest = (start + timedelta(seconds=each) for each in (earliest_s, latest_s))
        up = latest.replace(second=0, microsecond=0)
        return (
            earliest.replace(second=0, microsecond=0),
            up if up == latest else up + timedelta(minutes=1),
        )
