"""``FaceContent``: the functions that render what the page, the metrics and the events show.

The functions are pure, and are called in worker threads with one frozen view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.model.references import ObjectRef
from reconciler.model.service.view import ServiceView
from reconciler.report.metrics.exposition import MetricsText

Query = Mapping[str, str]
"""The parameters in the query of a URL; of a repeated parameter, the last value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A style sheet, script or picture of the page."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceContent:
    """Everything that the listener of the page serves, besides the API.

    Pages are complete HTML documents. They may load only the files of ``static`` and the stream
    ``/events``: the Content-Security-Policy permits no inline style, inline script or ``style``
    attribute.
    """

    page: Callable[[ServiceView, Query, str], str]
    """Returns the page of the fleet for a view, a query with filters, and the id of the view.

    A script passes the id to ``/events?since=ID``, so that it receives only later changes.
    """
    vm_page: Callable[[ServiceView, ObjectRef, str], str | None]
    """Returns the page of a VM, with the id of the view; None if the plan has no such VM."""
    reason_page: Callable[[ServiceView, str], str | None]
    """Returns the explanation of a reason code, or a list for an empty code; None if unknown."""
    missing_page: Callable[[str], str]
    """Returns the page for a path of a page that does not exist."""
    events: Callable[[ServiceView | None, ServiceView], bytes]
    """Returns complete server-sent events that update a page from one view to a newer one.

    Without the older view, the events update a page of any age. Empty if nothing visible changed.
    """
    metrics: Callable[[ServiceView, str], MetricsText]
    """Returns the metrics for a view and the Accept header of the request."""
    static: Mapping[str, StaticFile] = field(default_factory=dict)
    """The files under ``/static/``, by name."""
