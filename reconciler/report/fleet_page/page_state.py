"""``PageState``: the content of the status pages, in parts that can be compared for changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_vm import fleet_vms
from reconciler.report.fleet_page.page_links import PageLinks
from reconciler.report.fleet_page.sections.changes_section import changes_section
from reconciler.report.fleet_page.sections.grid_section import cell_class, cell_title, legend
from reconciler.report.fleet_page.sections.kubevirt_section import kubevirt_section
from reconciler.report.fleet_page.sections.past_section import past_section
from reconciler.report.fleet_page.sections.person_section import person_section
from reconciler.report.fleet_page.sections.queue_section import queue_section
from reconciler.report.fleet_page.sections.status_section import headline, status_section
from reconciler.report.fleet_page.service_notices import notices
from reconciler.report.html.finding_section import finding_section

if TYPE_CHECKING:
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM

MAX_FINDINGS = 20
"""The maximum number of reported problems that the status page lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageState:
    """The content of the unfiltered page with all VMs, and the values on each VM's own page."""

    parts: Mapping[str, str]
    """The HTML of each replaceable part of the page, keyed by the part's name."""
    cells: Mapping[str, tuple[str, str]]
    """The CSS class and title of each cell in the grid of VMs, keyed by the VM page's URL."""
    sources: Mapping[str, tuple[Any, ...]]
    """The values on each VM's page, keyed by the page's URL; used only to detect changes."""
    news: tuple[str, ...]
    """Sentences about the current state; a screen reader announces sentences that are new."""


def page_state(view: ServiceView, *, docs_url: str = "") -> PageState:
    """Build the comparable content of the status pages from the current state of ``serve``."""
    links, vms = PageLinks(docs_url=docs_url), fleet_vms(view)
    addresses = [links.vm(each.ref) for each in vms]
    cells = ((cell_class(each), cell_title(each)) for each in vms)
    return PageState(
        parts=page_parts(view, vms, links),
        cells=dict(zip(addresses, cells, strict=True)),
        sources=dict(zip(addresses, (_sources(each, view) for each in vms), strict=True)),
        news=_news(view, vms),
    )


def page_parts(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> Mapping[str, str]:
    """Map the name of each replaceable part of the page with all VMs to the part's HTML."""
    return {
        "status": status_section(view, vms),
        "now": changes_section(view, vms, links),
        "legend": legend(vms, FleetFilter(), links),
        "queue": queue_section(view, vms, links),
        "person": person_section(view, vms, links),
        "configuration": kubevirt_section(view, links),
        "findings": _findings(view),
        "past": past_section(view, links),
    }


def _findings(view: ServiceView) -> str:
    found = view.plan.diagnostics if view.plan else ()
    shown = "".join(finding_section(found[:MAX_FINDINGS]))
    more = len(found) - MAX_FINDINGS
    words = f'<p class="faint">{more:,} more findings are in the plan.</p>' if more > 0 else ""
    return f'<div data-part="findings">{shown}{words}</div>\n'


def _sources(vm: FleetVM, view: ServiceView) -> tuple[Any, ...]:
    live, ref = view.live, vm.ref
    observed = (live.vms.get(ref), live.vmis.get(ref), live.migrations.get(ref)) if live else ()
    return vm.decision, vm.progress, view.changes.get(ref), *observed


def _news(view: ServiceView, vms: tuple[FleetVM, ...]) -> tuple[str, ...]:
    runs = (f"Run {view.run.run_id} has started" if view.run else "",)
    ended = tuple(f"Run {each.run_id} has ended" for each in view.runs[:1])
    texts = (each.text for each in notices(view))
    return tuple(each for each in (headline(view, vms), *runs, *ended, *texts) if each)
