"""Tests which reader of Prometheus alerts results from the options."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.builders import NOW
from support.fake_ports import FakeClock
from support.servers.fake_prometheus import FakePrometheus

from reconciler.app.input_options import PrometheusOptions
from reconciler.app.wiring import alert_wiring
from reconciler.model.alerts.alert_matcher import AlertMatcher

CEPH = (AlertMatcher.parse("CephHealthError"),)
DOWN = (AlertMatcher.parse("KubeVirtDown"),)


@pytest.fixture
def clock():
    return FakeClock()


def test_rollout_pause_for_a_missing_prometheus_url_keeps_its_start_time(clock):
    with alert_wiring.alerts(PrometheusOptions(), clock) as alerts:
        for _ in range(2):
            hold = alerts.hold(CEPH)
            assert (hold.reason, hold.since) == ("no-prometheus", NOW)
            clock.sleep(60)
        assert alerts.hold(()) is None
        assert alerts.hold(CEPH).since == NOW + timedelta(minutes=2)


def test_prometheus_url_that_is_mounted_later_is_used_without_a_restart(
    clock, tmp_path, monkeypatch
):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        FakePrometheus() as server,
        alert_wiring.alerts(PrometheusOptions(credentials=tmp_path), clock) as alerts,
    ):
        hold = alerts.hold(CEPH)
        assert (hold.reason, hold.since) == ("no-prometheus", NOW)
        assert hold.hint == "add the file `url` to the --prometheus-credentials directory"
        (tmp_path / "url").write_text(server.url)
        assert alerts.hold(DOWN) is None  # other matchers are read immediately
        server.fire("CephHealthError")
        assert alerts.hold(CEPH).reason == "alert-firing"
