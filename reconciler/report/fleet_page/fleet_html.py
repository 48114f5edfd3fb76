"""``fleet_html``: renders the status page that shows all VMs, running changes and the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.fleet_page.fleet_vm import fleet_vms
from reconciler.report.fleet_page.page_links import PageLinks
from reconciler.report.fleet_page.page_state import page_parts
from reconciler.report.fleet_page.sections.filter_form import filter_form
from reconciler.report.fleet_page.sections.grid_section import grid, legend
from reconciler.report.fleet_page.sections.status_section import headline
from reconciler.report.fleet_page.service_frame import Frame, service_page

if TYPE_CHECKING:
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_filter import FleetFilter

_NAVIGATION = (
    ("#fleet", "Fleet"),
    ("#now", "Changing now"),
    ("#queue", "Queue"),
    ("#person", "User action needed"),
    ("#past", "History"),
)


def fleet_html(
    view: ServiceView, shown: FleetFilter, *, view_id: str = "", docs_url: str = ""
) -> str:
    """Render the status page that shows all VMs.

    Args:
        view: The state of the ``serve`` process.
        shown: The filter from the page's URL, which applies only to the grid of VMs.
        view_id: The ID of the displayed state, which the page's script sends to get updates.
        docs_url: The base URL of the documentation of reason codes. If it is empty, each reason
            links to a page that this process serves.
    """
    links = PageLinks(docs_url=docs_url)
    vms = fleet_vms(view)
    matching = [each for each in vms if shown.matches(each)]
    parts = page_parts(view, vms, links)
    content = "".join(
        (
            parts["status"],
            '<div class="columns">\n',
            parts["now"],
            '<section id="fleet" tabindex="-1"><h2>Fleet</h2>\n',
            legend(vms, shown, links),
            filter_form(vms, shown, links),
            grid(matching, len(vms), shown, links),
            '<p id="peek" aria-hidden="true"></p></section>\n</div>\n',
            *(parts[each] for each in ("queue", "person", "configuration", "findings", "past")),
        )
    )
    frame = Frame(
        page="fleet",
        title=headline(view, vms),
        root="",
        view_id=view_id,
        skip=("fleet", "Skip to the fleet"),
        navigation=_NAVIGATION,
    )
    return service_page(frame, content)
