"""A real Prometheus scrapes the running listener, and evaluates the alerts of the examples."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from ruamel.yaml import YAML
from support.builders import NOW, make_desired, make_live, make_vm, make_vmi, want
from support.served import EXAMPLES
from support.serving.raw_http import HANGS_S, request
from support.serving.service_view import COMMIT, make_view
from support.serving.views import make_store
from support.tools.installed import tool

from reconciler.app.counters import Counters
from reconciler.model.revision.commit_in_force import CommitInForce, RefusalReason, RefusedCommit
from reconciler.model.service.counts import Counted
from reconciler.serve.http.face_app import FaceOptions, face_app
from reconciler.serve.http.face_content import FaceContent
from reconciler.serve.http.http_server import HttpServer, Listener
from reconciler.serve.http.listen_address import ListenAddress
from reconciler.serve.metrics_page import metrics_page

RULES = EXAMPLES / "monitoring" / "rules.yaml"
BODY_IS_STORED = 3
"""The number of the scrape that starts only after the first one has been stored."""


class Scraped:
    """Serves the metrics of a state and lets a test wait until they have been scraped."""

    def __init__(self, view) -> None:
        self.counters = Counters()
        self._page = metrics_page(self.counters)
        self._scrapes = threading.Semaphore(0)
        content = FaceContent(
            page=lambda *_: "",
            vm_page=lambda *_: None,
            reason_page=lambda *_: None,
            missing_page=lambda _: "",
            events=lambda *_: b"",
            metrics=self._metrics,
        )
        app = face_app(make_store(view), content, FaceOptions())
        address = ListenAddress(host="127.0.0.1", port=0)
        self.server = HttpServer(Listener(option="--listen", address=address, app=app))
        self.formats: set[str] = set()

    def _metrics(self, view, accept):
        text = self._page(view, accept)
        self.formats.add(text.content_type)
        self._scrapes.release()
        return text

    def wait_for_scrapes(self, n_scrapes: int) -> None:
        for _ in range(n_scrapes):
            assert self._scrapes.acquire(timeout=HANGS_S), "Prometheus does not scrape"


@contextmanager
def prometheus(program, folder, target):
    """Run Prometheus with the alerts of the examples, and yield the port of its API."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "reconciler",
                "static_configs": [
                    {"targets": [target], "labels": {"namespace": "memory-reconciler"}}
                ],
            }
        ],
    }
    path = folder / "prometheus.json"
    path.write_text(json.dumps(config))
    command = [
        program,
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield port_of(process)
    finally:
        process.kill()
        process.communicate()


def port_of(process) -> int:
    """Read the log until Prometheus answers, and return its port."""
    port, log = None, []
    for line in process.stderr:
        log.append(line)
        found = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', line)
        port = int(found[1]) if found else port
        if "Server is ready" in line and port:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return port
    pytest.fail("Prometheus did not start:\n" + "".join(log))


def ask(port: int, path: str, **query: str):
    """Return the data of an answer of Prometheus' API."""
    connection = HTTPConnection("127.0.0.1", port, timeout=HANGS_S)
    connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["status"] == "success", answer
    return answer["data"]


def values(port: int, expression: str) -> list[float]:
    return [float(each["value"][1]) for each in ask(port, "query", query=expression)["result"]]


def test_prometheus_scrapes_the_metrics_and_evaluates_the_alerts(tmp_path):
    program = tool("prometheus")
    refused = RefusedCommit(commit="f" * 40, reason=RefusalReason.UNSIGNED, message="not signed")
    live = make_live(make_vm(guest="1Gi"), vmis=(make_vmi(),))
    view = make_view(make_desired(want("2Gi")), live, last_success_at=NOW)
    in_force = CommitInForce(
        revision="main", newest="f" * 40, commit=COMMIT, behind=1, refused=(refused,)
    )
    view = replace(view, source=replace(view.source, in_force=in_force))
    scraped = Scraped(view)
    scraped.counters.count_request("list", 200)
    scraped.counters.add(Counted.WEBHOOK_DELIVERIES, "github", "accepted")
    with scraped.server:
        (address,) = scraped.server.addresses
        with prometheus(program, tmp_path, f"127.0.0.1:{address.port}") as port:
            scraped.wait_for_scrapes(BODY_IS_STORED)
            (target,) = ask(port, "targets")["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")
            assert values(port, 'memory_reconciler_vms{effect="live",reason="hotplug"}') == [1]
            assert values(port, "memory_reconciler_drift_bytes > 0") == [1 << 30]
            assert values(port, "memory_reconciler_webhook_deliveries_total") == [1]
            expressions = {
                rule["alert"]: rule["expr"]
                for group in YAML(typ="safe").load(RULES)["groups"]
                for rule in group["rules"]
            }
            true = {name for name, each in expressions.items() if values(port, each)}
            assert {"MemoryReconcilerCommitRejected"} <= true
            assert not true & {"MemoryReconcilerAbsent", "MemoryReconcilerNoLeader"}
            loaded = ask(port, "rules")["groups"]
            assert {each["name"] for group in loaded for each in group["rules"]} == set(
                expressions
            )
    assert scraped.formats == {"application/openmetrics-text; version=1.0.0; charset=utf-8"}


def test_metrics_are_in_the_format_that_the_client_accepts():
    scraped = Scraped(make_view())
    with scraped.server:
        (address,) = scraped.server.addresses
        plain = request(address, "/metrics")
        openmetrics = request(
            address, "/metrics", headers={"Accept": "application/openmetrics-text"}
        )
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.body.endswith(b"# EOF\n")
