"""``metrics_page``: renders ``/metrics`` from the displayed state, the counters and ``/proc``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector

from reconciler.report.metrics.exposition import metrics_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.app.counters import Counters
    from reconciler.model.service.view import ServiceView
    from reconciler.report.metrics.exposition import MetricsText


def metrics_page(counters: Counters) -> Callable[[ServiceView, str], MetricsText]:
    """Return a function that renders the metrics from a ``serve`` state and an Accept header.

    The metrics include ``process_…``: the memory, the CPU time, the start time and the
    open files of this process, which Linux provides in ``/proc``.
    """
    process = ProcessCollector(registry=CollectorRegistry())

    def page(view: ServiceView, accept: str) -> MetricsText:
        return metrics_text(view, counters.read(), accept, others=process.collect())

    return page
