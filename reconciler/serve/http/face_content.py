"""``FaceContent``: the functions that render the status pages, their updates and the metrics.

The functions are pure, and are called in worker threads with one immutable state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.model.references import ObjectRef
from reconciler.model.service.view import ServiceView
from reconciler.report.metrics.exposition import MetricsText

Query = Mapping[str, str]
"""The query parameters of a URL; a repeated parameter has its last value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A style sheet, script or image of the status pages."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceContent:
    """The render functions and files of the status page server, except the API documents.

    Pages are complete HTML documents. They can load only the files of ``static`` and the stream
    ``/events``: the Content-Security-Policy permits no inline style, inline script or ``style``
    attribute.
    """

    page: Callable[[ServiceView, Query, str], str]
    """Renders the overview page from the ``serve`` state, the query filters and the state's ID.

    A script passes the ID to ``/events?since=ID``, so that the page receives only later changes.
    """
    vm_page: Callable[[ServiceView, ObjectRef, str], str | None]
    """Renders the page of a VM; returns None if the plan does not contain the VM."""
    reason_page: Callable[[ServiceView, str], str | None]
    """Renders the explanation of a reason code, or the list of all codes if the code is empty.

    Returns None if the code is unknown.
    """
    missing_page: Callable[[str], str]
    """Renders the page for a path that does not exist."""
    events: Callable[[ServiceView | None, ServiceView], bytes]
    """Renders server-sent events that update a page from an older ``serve`` state to a newer one.

    Without the older state, the events update a page of any age. The result is empty if nothing
    visible has changed.
    """
    metrics: Callable[[ServiceView, str], MetricsText]
    """Renders the metrics of ``serve`` in the format that an Accept header requests."""
    static: Mapping[str, StaticFile] = field(default_factory=dict)
    """Maps the name of each file under the path ``/static/`` to the file."""
