"""``alerts``: opens the reader of Prometheus alerts."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.app.input_options import PrometheusOptions
    from reconciler.ports import Alerts, Clock

# ruff: noqa: PLC0415 - the function imports its libraries, so that `reconciler --help` is fast


@contextmanager
def alerts(
    options: PrometheusOptions, clock: Clock, changed: Callable[[], object] = lambda: None
) -> Iterator[Alerts]:
    """Open the reader of Prometheus alerts.

    If the configuration sets ``rollout.holdWhile``, the reader pauses the rollout while a selected
    alert is firing, while alerts cannot be read, and if no URL is configured. No request is sent
    before the first call to the reader. Another thread calls *changed* after the firing alerts
    have changed.

    Raises:
        UsageError: The URL or a file with credentials cannot be used.
    """
    from reconciler.prometheus.no_prometheus import NoPrometheus

    if not options.given:
        yield NoPrometheus(clock)
        return
    from reconciler.prometheus.alert_reader import AlertReader
    from reconciler.prometheus.alert_watch import AlertWatch
    from reconciler.prometheus.mounted_access import read_access

    access = partial(read_access, options.url, options.credentials)
    access()  # reports unusable options now; the file with the URL may be mounted later
    with AlertWatch(AlertReader(access, clock), clock, changed=changed) as watch:
        yield watch
