"""``vm_html``: renders the status page of one VM, with memory, planned change and history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report import wording
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_vm import Stage, fleet_vm
from reconciler.report.fleet_page.page_links import PageLinks
from reconciler.report.fleet_page.sections.changes_section import (
    migration_nodes,
    migration_words,
    progress_bar,
)
from reconciler.report.fleet_page.sections.condition_section import condition_section
from reconciler.report.fleet_page.sections.decision_section import decision_section
from reconciler.report.fleet_page.sections.vm_history_section import vm_history_section
from reconciler.report.fleet_page.sections.vm_memory_section import vm_memory_section
from reconciler.report.fleet_page.service_frame import Frame, service_page
from reconciler.report.html.reason_texts import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.references import ObjectRef
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM

ROOT = "../../"
"""The URL of the page with all VMs, relative to a VM's page."""
_MAX_TEXT = 2000


def vm_html(
    view: ServiceView, ref: ObjectRef, *, view_id: str = "", docs_url: str = ""
) -> str | None:
    """Render a VM's status page, or return None if the newest plan does not contain the VM.

    Args:
        view: The state of the ``serve`` process.
        ref: The VM to show.
        view_id: The ID of the displayed state, which the page's script sends to get updates.
        docs_url: The base URL of the documentation of reason codes.
    """
    vm = fleet_vm(view, ref)
    if vm is None:
        return None
    links = PageLinks(root=ROOT, docs_url=docs_url)
    parts = {
        "top": "".join(_status(vm, view, links)),
        "memory": vm_memory_section(vm, view),
        "decision": decision_section(vm, view, links),
        "conditions": condition_section(ref, view),
        "history": vm_history_section(vm, view, links),
    }
    content = "".join(f'<div data-part="{name}">{html}</div>\n' for name, html in parts.items())
    frame = Frame(
        page="vm",
        title=ref.namespaced_name,
        root=ROOT,
        view_id=view_id,
        vm=PageLinks().vm(ref),
        navigation=(
            ("#memory", "Memory"),
            ("#decision", "Decision"),
            ("#conditions", "Conditions"),
            ("#history", "History"),
        ),
    )
    return service_page(frame, content)


def _status(vm: FleetVM, view: ServiceView, links: PageLinks) -> Iterator[str]:
    ref, decision = vm.ref, vm.decision
    namespace = html_text(links.fleet(FleetFilter(namespace=ref.namespace)))
    yield (
        f'<p class="top">VM in the namespace <a href="{namespace}">{html_text(ref.namespace)}</a>'
        "</p>\n"
    )
    yield f"<h1>{html_text(ref.name)}</h1>\n"
    badge = f'<span class="badge {decision.effect}">{named(decision.effect)}</span>'
    message = html_text(decision.why.message, _MAX_TEXT)
    yield f'<p class="lead">{badge} {message}.</p>\n'
    if vm.stage is Stage.CHANGING:
        where = migration_nodes(vm.migration) if vm.migration else ""
        more = f" ({html_text(where)})" if where else ""
        words = migration_words(vm)
        yield f'<p class="box calm">Changing now: {html_text(words, _MAX_TEXT)}{more}</p>\n'
        yield f"<p>{progress_bar(vm)}</p>\n"
    elif vm.progress is not None:
        words = f"In this run: {vm.progress.message}"
        tone = "bad" if vm.stage is Stage.FAILED else "calm"
        yield f'<p class="box {tone}">{html_text(words, _MAX_TEXT)}</p>\n'
    yield '<dl class="facts">'
    for name, value in _facts(vm, view):
        yield f"<div><dt>{name}</dt><dd>{value}</dd></div>"
    yield "</dl>\n"


def _facts(vm: FleetVM, view: ServiceView) -> Iterator[tuple[str, str]]:
    plan = view.plan
    live = view.live.vms.get(vm.ref) if view.live else None
    yield "Status", html_text((live.printable_status if live else "") or "not in the cluster")
    yield "Node", html_text(vm.node or "not running")
    if plan is not None:
        origin = wording.origin(plan.revision, dirty=plan.dirty)
        yield "Planned from", html_text(origin, 120)
        forecast = wording.forecasts(plan).get(vm.ref)
        if forecast is not None:
            yield "Position in the queue", f"{forecast.position:,} of {len(plan.forecast.vms):,}"
            span = wording.span(forecast.earliest_s, forecast.latest_s)
            yield "Guest has its memory", f"{span} after the start of the run"
