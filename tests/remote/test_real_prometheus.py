"""Reads alerts from a real Prometheus, which evaluates a rule that always fires."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from support.fake_ports import FakeClock
from support.servers.real_program import free_address, running
from support.tools.installed import tool

from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.prometheus.alert_reader import AlertReader, AlertsUnreadableError
from reconciler.prometheus.mounted_access import read_access

CONFIG = "global: {evaluation_interval: 1s}\nrule_files: [rules.yaml]\n"
RULES = """
groups:
  - name: test
    rules:
      - {alert: AlwaysFires, expr: vector(1), labels: {severity: critical, pod: db-0}}
      - {alert: NeverFires, expr: vector(1) > 1}
      - {alert: StillPending, expr: vector(1), for: 1h}
"""
MATCHERS = {
    "AlwaysFires": True,
    'AlwaysFires{severity="critical"}': True,
    r"{severity=~`crit.*`, pod!~`web-\d+`}": True,
    'AlwaysFires{severity="warning"}': False,
    "NeverFires": False,
    "StillPending": False,
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    address = free_address()
    with running(
        tool("prometheus"),
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
        ready="Server is ready to receive web requests",
    ):
        yield f"http://{address}"


def firing(url: str, text: str) -> tuple[str, ...]:
    reader = AlertReader(partial(read_access, url, None), FakeClock())
    return reader.firing((AlertMatcher.parse(text),))


def test_real_prometheus_returns_the_firing_alerts_that_a_matcher_selects(url):
    while not firing(url, "AlwaysFires"):
        threading.Event().wait(0.1)  # until the first evaluation
    assert {text: bool(firing(url, text)) for text in MATCHERS} == MATCHERS
    assert firing(url, "AlwaysFires") == ('AlwaysFires{pod="db-0", severity="critical"}',)


def test_real_prometheus_rejects_a_regular_expression_that_is_invalid(url):
    with pytest.raises(AlertsUnreadableError, match=r"returned status 400: .*missing closing"):
        firing(url, '{severity=~"critical("}')
