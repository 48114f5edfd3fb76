"""Tests the metrics that a ``serve`` process returns at ``/metrics``."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families as families
from support.serving.asgi_call import ask
from support.serving.service_view import make_view
from support.serving.views import make_store

from reconciler.app.counters import Counters
from reconciler.serve.http.face_app import FaceOptions, face_app
from reconciler.serve.live_pages import live_pages
from reconciler.serve.metrics_page import metrics_page


def test_metrics_page_contains_metrics_of_the_state_the_counters_and_the_linux_process():
    counters = Counters()
    page = metrics_page(counters)
    counters.count_request("watch", 200)
    found = {each.name: each.samples for each in families(page(make_view(), "").content.decode())}
    assert found["memory_reconciler_api_requests"][0].value == 1
    assert found["memory_reconciler_vms"][0].labels == {"effect": "none", "reason": "converged"}
    assert found["process_open_fds"][0].value > 0
    assert page(make_view(), "application/openmetrics-text").content.endswith(b"# EOF\n")


def test_metrics_page_uses_the_format_that_the_client_accepts():
    content = live_pages(metrics_page(Counters()))
    app = face_app(make_store(make_view()), content, FaceOptions())
    plain = ask(app, "/metrics")
    openmetrics = ask(app, "/metrics", headers={"Accept": "application/openmetrics-text"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.body.endswith(b"# EOF\n")
