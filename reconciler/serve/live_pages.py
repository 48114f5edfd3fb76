"""``live_pages``: provides the status pages and their live updates to the HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_html import fleet_html
from reconciler.report.fleet_page.page_events import change_event
from reconciler.report.fleet_page.page_state import PageState, page_state
from reconciler.report.fleet_page.reason_html import not_found_html, reason_html, reasons_html
from reconciler.report.fleet_page.service_frame import STATIC
from reconciler.report.fleet_page.vm_html import vm_html
from reconciler.serve.http.face_content import FaceContent, StaticFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.references import ObjectRef
    from reconciler.model.service.view import ServiceView
    from reconciler.report.metrics.exposition import MetricsText
    from reconciler.serve.http.face_content import Query


def live_pages(
    metrics: Callable[[ServiceView, str], MetricsText], *, docs_url: str = ""
) -> FaceContent:
    """Return the functions that render the content of the status page server.

    Args:
        metrics: Renders the metrics of a ``serve`` state in the format of an Accept header.
        docs_url: The URL prefix for links to reason codes; if empty, the links point to pages of
            this process.
    """
    states = _States(docs_url)

    def page(view: ServiceView, query: Query, view_id: str) -> str:
        shown = FleetFilter.parse(query)
        return fleet_html(view, shown, view_id=view_id, docs_url=docs_url)

    def vm_page(view: ServiceView, ref: ObjectRef, view_id: str) -> str | None:
        return vm_html(view, ref, view_id=view_id, docs_url=docs_url)

    def reason_page(view: ServiceView, code: str) -> str | None:
        return reason_html(view, code) if code else reasons_html()

    def events(before: ServiceView | None, after: ServiceView) -> bytes:
        return change_event(None if before is None else states.of(before), states.of(after))

    return FaceContent(
        page=page,
        vm_page=vm_page,
        reason_page=reason_page,
        missing_page=_missing_page,
        events=events,
        metrics=metrics,
        static={
            name: StaticFile(content_type=media_type, body=body)
            for name, (media_type, body) in STATIC.items()
        },
    )


def _missing_page(path: str) -> str:
    """Return the HTML page for a path that does not exist, with links relative to the path."""
    words = f"The page {path} does not exist"
    match path.split("/"):
        case ["", "vm", namespace, name]:
            words = f"The newest plan contains no VM {namespace}/{name}"
        case ["", "reasons", code]:
            words = f"The reason code {code} does not exist"
    return not_found_html(words, "../" * (path.count("/") - 1))


class _States:
    """Caches the page data of the last two states, because consecutive page updates share it."""

    def __init__(self, docs_url: str) -> None:
        self._docs_url = docs_url
        self._last: tuple[tuple[ServiceView, PageState], ...] = ()

    def of(self, view: ServiceView) -> PageState:
        """Return the data that the status pages display for a state of the ``serve`` process."""
        known = next((state for seen, state in self._last if seen is view), None)
        if known is not None:
            return known
        state = page_state(view, docs_url=self._docs_url)
        self._last = (*self._last[-1:], (view, state))
        return state
