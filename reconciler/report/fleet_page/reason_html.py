"""``reason_html``: renders the status page that explains a reason code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Reason
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_vm import fleet_vms
from reconciler.report.fleet_page.page_links import PageLinks
from reconciler.report.fleet_page.service_frame import Frame, service_page
from reconciler.report.html.reason_texts import prose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.service.view import ServiceView

MAX_NAMES = 50
"""The maximum number of VMs that the page about a reason lists by name."""
_ROOT = "../"


def reason_html(view: ServiceView, code: str) -> str | None:
    """Render the page that explains a reason, or return None if no reason has this code."""
    if code not in CATALOGUE:
        return None
    reason = Reason(code)
    links = PageLinks(root=_ROOT)
    content = "".join(_reason(reason, view, links))
    navigation = (("../reasons", "All reasons"),)
    return service_page(Frame(page="text", title=code, root=_ROOT, navigation=navigation), content)


def reasons_html() -> str:
    """Render the page that lists all reason codes."""
    links = PageLinks()
    rows = "".join(
        f'<tr><th scope="row">{links.reason_link(str(reason))}</th>'
        f"<td>{prose(entry.meaning)}</td></tr>\n"
        for reason, entry in CATALOGUE.items()
    )
    content = (
        '<h1>Reasons</h1>\n<p class="lead">Each VM in the plan has one of these reasons.</p>\n'
        '<table class="reasons"><caption>All reasons</caption><thead><tr>'
        '<th scope="col">Reason</th><th scope="col">Meaning</th></tr></thead><tbody>\n'
        f"{rows}</tbody></table>\n"
    )
    return service_page(Frame(page="text", title="Reasons", root=""), content)


def not_found_html(what: str, root: str) -> str:
    """Render the page for a URL that does not exist.

    Args:
        what: A sentence without a full stop that says what was not found.
        root: The URL of the page with all VMs, relative to the requested URL.
    """
    content = (
        f"<h1>Not found</h1>\n<p>{html_text(what, 300)}.</p>\n"
        f'<p><a href="{html_text(root or "./")}">Show the fleet</a></p>\n'
    )
    return service_page(Frame(page="text", title="Not found", root=root), content)


def _reason(reason: Reason, view: ServiceView, links: PageLinks) -> Iterator[str]:
    entry = CATALOGUE[reason]
    yield f'<p class="top">Reason</p><h1>{html_text(reason)}</h1>\n'
    yield f'<p class="lead">{prose(entry.meaning)}</p>\n'
    if entry.action:
        yield f'<p class="box calm"><strong>Next step:</strong> {prose(entry.action)}</p>\n'
    versions = f"{entry.since} to {entry.until}" if entry.until else f"{entry.since} and newer"
    yield '<dl class="facts">'
    yield f"<div><dt>KubeVirt</dt><dd>{html_text(versions)}</dd></div>"
    evidence = f"Evidence ({html_text(entry.mark)})"
    yield f"<div><dt>{evidence}</dt><dd>{prose(entry.where)}</dd></div></dl>\n"
    vms = [each for each in fleet_vms(view) if each.reason == reason]
    yield f"<section><h2>{plural(len(vms), 'VM')} in the newest plan</h2>\n"
    if not vms:
        yield '<p class="faint">No VM has this reason now.</p></section>\n'
        return
    effects = Counter(each.effect for each in vms)
    counts = (f'<span class="badge {each}">{n:,} {each}</span>' for each, n in effects.items())
    target = html_text(links.fleet(FleetFilter(reason=str(reason))))
    yield f'<p>{" ".join(counts)} <a href="{target}">Show them in the fleet</a></p>\n<ul>'
    for each in vms[:MAX_NAMES]:
        yield f"<li>{links.vm_link(each.ref)}: {html_text(each.decision.why.message, 300)}</li>\n"
    if (more := len(vms) - MAX_NAMES) > 0:
        yield f"<li>and {more:,} more</li>\n"
    yield "</ul></section>\n"
