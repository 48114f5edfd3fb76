"""Tests the metrics page of a process."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families as families
from support.serving.service_view import make_view

from reconciler.app.counters import Counters
from reconciler.serve.metrics_page import metrics_page


def test_metrics_page_contains_the_view_the_counters_and_the_linux_process():
    counters = Counters()
    page = metrics_page(counters)
    counters.count_request("watch", 200)
    found = {each.name: each.samples for each in families(page(make_view(), "").content.decode())}
    assert found["memory_reconciler_api_requests"][0].value == 1
    assert found["memory_reconciler_vms"][0].labels == {"effect": "none", "reason": "converged"}
    assert found["process_open_fds"][0].value > 0
    assert page(make_view(), "application/openmetrics-text").content.endswith(b"# EOF\n")
