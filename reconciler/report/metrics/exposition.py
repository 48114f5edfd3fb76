"""``metrics_text``: renders metrics in the text formats that Prometheus reads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from reconciler.escaping import printable
from reconciler.report.metrics.metric_table import CHANGE_SECONDS, METRICS, PREFIX, MetricType
from reconciler.report.metrics.service_samples import samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client import Metric as Family

    from reconciler.model.service.counts import Counts, Distribution
    from reconciler.model.service.view import ServiceView
    from reconciler.report.metrics.metric_table import Metric
    from reconciler.report.metrics.service_samples import MetricSample

OPENMETRICS = "application/openmetrics-text"
_MAX_LABEL = 256
"""The maximum length of a label value in characters; Kubernetes names are shorter."""


@dataclass(frozen=True, slots=True)
class MetricsText:
    """The metrics in a text format, and the value for the HTTP header Content-Type."""

    content: bytes
    content_type: str


def metrics_text(
    view: ServiceView,
    counts: Counts,
    accept: str = "",
    *,
    only: Sequence[Metric] = METRICS,
    others: Iterable[Family] = (),
) -> MetricsText:
    """Render metrics as OpenMetrics if the client accepts it, or else in Prometheus text format.

    Args:
        view: The current state of the ``serve`` process.
        counts: The current counters of the process.
        accept: The value of the HTTP header Accept.
        only: The metrics to render.
        others: Additional metrics, such as the memory and CPU use of the process.
    """
    families = _Families([*_families(view, counts, only), *others])
    if _accepts_openmetrics(accept):
        content: bytes = openmetrics.generate_latest(families)  # type: ignore[no-untyped-call]
        return MetricsText(content, openmetrics.CONTENT_TYPE_LATEST)
    return MetricsText(generate_latest(families), CONTENT_TYPE_PLAIN_0_0_4)


class _Families(Collector):
    """Passes a fixed list of metrics to the library prometheus_client."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Sequence[Family]:
        return self._families


def _accepts_openmetrics(accept: str) -> bool:
    for each in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in each.split(";"))
        if media_type == OPENMETRICS and not {"q=0", "q=0.0"} & set(parameters):
            return True
    return False


def _families(view: ServiceView, counts: Counts, only: Sequence[Metric]) -> Iterable[Family]:
    by_metric: dict[Metric, list[MetricSample]] = defaultdict(list)
    for each in samples(view, counts):
        by_metric[each.metric].append(each)
    for metric in only:
        if metric is CHANGE_SECONDS:
            yield _histogram(metric, counts.change_seconds)
        elif metric in by_metric or metric.type is MetricType.COUNTER:
            yield _family(metric, by_metric[metric])


def _family(metric: Metric, found: Iterable[MetricSample]) -> Family:
    kind = CounterMetricFamily if metric.type is MetricType.COUNTER else GaugeMetricFamily
    family = kind(PREFIX + metric.name, _help(metric), labels=metric.labels)
    for each in found:
        family.add_metric([printable(label, _MAX_LABEL) for label in each.labels], each.value)
    return family


def _histogram(metric: Metric, found: Distribution) -> Family:
    bounds = [*map(floatToGoString, found.bounds), "+Inf"]
    buckets = list(zip(bounds, map(float, accumulate(found.buckets)), strict=True))
    return HistogramMetricFamily(
        PREFIX + metric.name, _help(metric), buckets=buckets, sum_value=found.total
    )


def _help(metric: Metric) -> str:
    return metric.meaning.replace("`", "")
