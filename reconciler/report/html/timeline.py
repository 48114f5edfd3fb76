"""``timeline``: draws when VMs are expected to have their new memory, by batch and node."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.phrases import plural
from reconciler.report import wording
from reconciler.report.html.time_bar import time_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.plan.plan_forecast import Forecast, VMForecast

MOST_LANES = 40
"""The maximum number of timeline rows in a batch; the last row combines all further nodes."""
OPEN_LANES = 12
"""The maximum number of nodes for which the timeline is expanded when the page opens."""
_CAPTION = "When VMs have their new memory, counted from the start of the run"
_LEGEND = (
    f'<p class="keys"><span>{_CAPTION}:</span>'
    '<span><span class="key soon"></span>if each migration is fast</span>'
    '<span><span class="key until"></span>until the latest end</span></p>\n'
)
_STEPS = (5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""The possible lengths, in seconds, of a quarter of the time axis.

Longer quarters are multiples of the last value.
"""


@dataclass(frozen=True, slots=True)
class _Lane:
    """One row of the timeline: the migrations of one batch from one node or several nodes."""

    name: str
    count: int
    first_s: float
    """The earliest expected end of the first migration, in seconds after the start of the run."""
    last_s: float
    """The earliest expected end of the last migration, in seconds after the start of the run."""
    latest_s: float
    """The latest expected end of the last migration, in seconds after the start of the run."""


def timeline(forecast: Forecast) -> Iterator[str]:
    """Render the section with the timeline of a forecast; if no VM migrates, yield nothing."""
    if not forecast.vms:
        return
    yield '<section id="forecast"><h2>Forecast</h2>'
    yield f"<p>{html_text(wording.costs(forecast))}</p>\n{_LEGEND}"
    batches = {
        batch: list(vms) for batch, vms in groupby(forecast.vms, key=lambda each: each.batch)
    }
    end_s = 4 * _quarter(forecast.latest_s)
    if len(batches) > 1:
        whole = [_lane(_name_of(batch), vms) for batch, vms in batches.items()]
        yield from _table("Batch", f"{_CAPTION}, by batch", whole, end_s)
    nodes = sum(len({each.node for each in vms}) for vms in batches.values())
    for batch, vms in batches.items():
        name = f"{_name_of(batch)}: {plural(len(vms), 'VM')} by node"
        opened = " open" if nodes <= OPEN_LANES else ""
        yield f"<details{opened}><summary><h3>{html_text(name)}</h3></summary>"
        yield from _table("Node", f"{_CAPTION}, by node", lanes(vms), end_s)
        yield "</details>\n"
    yield "<details><summary>Assumptions of the forecast</summary><ul>"
    yield from (f"<li>{html_text(each)}</li>" for each in forecast.assumptions)
    yield f"</ul></details><p>{html_text(wording.NO_CANCEL)}</p></section>\n"


def _table(what: str, caption: str, rows: Iterable[_Lane], end_s: float) -> Iterator[str]:
    ticks = "".join(f"<span>{wording.duration(end_s * n / 4)}</span>" for n in range(5))
    yield (
        f'<table class="lanes"><caption>{caption}</caption><thead><tr>'
        f'<th scope="col">{what}</th><th scope="col" class="n">VMs</th>'
        f'<th scope="col"><span class="axis">{ticks}</span></th>'
        '<th scope="col" class="w">First to last end</th></tr></thead><tbody>\n'
    )
    for lane in rows:
        span = html_text(wording.span(lane.first_s, lane.latest_s))
        bar = time_bar(lane.first_s, lane.last_s, lane.latest_s, end_s)
        yield (
            f'<tr><th scope="row">{html_text(lane.name)}</th><td>{lane.count:,}</td>'
            f"<td>{bar}</td><td>{span}</td></tr>\n"
        )
    yield "</tbody></table>\n"


def _quarter(latest_s: float) -> float:
    """Return a quarter of the time axis's length in seconds, rounded up to a suitable value."""
    longest = _STEPS[-1]
    found = next((each for each in _STEPS if 4 * each >= latest_s), None)
    return found or math.ceil(latest_s / 4 / longest) * longest


def _name_of(batch: str) -> str:
    return f"{batch[:1].upper()}{batch[1:]}" or "All"


def lanes(vms: Iterable[VMForecast]) -> list[_Lane]:
    """Build one timeline row per node, sorted by name; the last row combines remaining nodes."""
    by_node: dict[str, list[VMForecast]] = {}
    for each in vms:
        by_node.setdefault(each.node, []).append(each)
    names = sorted(by_node)
    shown = names if len(names) <= MOST_LANES else names[: MOST_LANES - 1]
    found = [_lane(name or "(node not known)", by_node[name]) for name in shown]
    if others := names[len(shown) :]:
        rest = [each for name in others for each in by_node[name]]
        found.append(_lane(f"{len(others)} more nodes", rest))
    return found


def _lane(name: str, vms: Sequence[VMForecast]) -> _Lane:
    earliest = [each.earliest_s for each in vms]
    latest = max(each.latest_s for each in vms)
    return _Lane(name, len(vms), min(earliest), max(earliest), latest)
