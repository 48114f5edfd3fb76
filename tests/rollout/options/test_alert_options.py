"""Commands delay changes while an alert that ``rollout.holdWhile`` selects is firing."""

from __future__ import annotations

import pytest
from support.servers.fake_prometheus import FakePrometheus
from support.simulated import vm_yaml

HOLD = "apiVersion: reconciler/v1alpha1\nkind: Config\nrollout: {holdWhile: [CephHealthError]}\n"
FILES = {"vm.yaml": vm_yaml("default", "vm", "2Gi"), ".reconciler.yaml": HOLD}


@pytest.fixture
def prometheus():
    with FakePrometheus() as server:
        yield server


@pytest.fixture
def cluster(serve, git):
    git.commit(FILES)
    return serve("hotplug")


@pytest.mark.parametrize("name", ["apply", "reconcile"])
def test_run_with_a_firing_alert_writes_nothing_until_the_alert_ends(
    name, cluster, git, command, prometheus
):
    flags = ["--yes"] if name == "apply" else ["--detailed-exitcode"]
    arguments = (name, *flags, "--repo", git, "--prometheus-url", prometheus.url, "-o", "json")
    prometheus.fire("CephHealthError", severity="critical")
    held = command(*arguments[:-2], on=cluster)
    assert held.code == 4
    assert 'alert is firing: CephHealthError{severity="critical"}' in held.out
    assert cluster.ours("PATCH", "kubevirt.io") == []
    prometheus.alerts.clear()
    assert command(*arguments[:-2], on=cluster).code == 0


def test_run_with_alert_conditions_but_no_reachable_prometheus_writes_nothing(
    cluster, git, command
):
    for flags, reason in (
        ((), "no-prometheus"),
        (("--prometheus-url", "http://127.0.0.1:1"), "alerts-unreadable"),
    ):
        ended = command("apply", "--yes", "--repo", git, "-o", "json", *flags, on=cluster)
        (outcome,) = ended.json["outcomes"]
        assert (ended.code, outcome["result"], outcome["reason"]) == (4, "held", reason)
    assert cluster.ours("PATCH", "kubevirt.io") == []


def test_apply_with_the_ignore_alerts_option_writes_despite_a_firing_alert(
    cluster, git, command, prometheus
):
    prometheus.fire("CephHealthError")
    flags = ("--ignore-alerts", "--prometheus-url", prometheus.url)
    ended = command("apply", "--yes", "--repo", git, *flags, on=cluster)
    assert ended.code == 0
    assert "note: the alerts of rollout.holdWhile in .reconciler.yaml were ignored" in ended.out
    assert "ignoring the alerts of rollout.holdWhile" in ended.err
    assert prometheus.requests == []


def test_reconcile_has_no_ignore_alerts_option(git, command):
    ended = command("reconcile", "--repo", git, "--ignore-alerts")
    assert (ended.code, "--ignore-alerts" in ended.err) == (64, True)


def test_plan_shows_the_firing_alert_or_states_that_alerts_were_not_read(
    cluster, git, command, prometheus
):
    prometheus.fire("CephHealthError", severity="critical")
    url = ("--prometheus-url", prometheus.url)
    plan = command("plan", "--repo", git, "-o", "json", *url, on=cluster).json
    assert plan["hold"]["alerts"] == ['CephHealthError{severity="critical"}']
    assert [each["code"] for each in plan["diagnostics"]] == ["alert-firing"]
    silent = command("plan", "--repo", git, "-o", "json", on=cluster).json
    assert silent["hold"] is None
    assert [each["code"] for each in silent["diagnostics"]] == ["alerts-not-read"]


def test_prometheus_url_cannot_be_set_by_the_repository(git, command, prometheus):
    for key in ("prometheusUrl", "url"):
        line = f"rollout: {{holdWhile: [A], {key}: {prometheus.url}}}\n"
        git.commit({".reconciler.yaml": HOLD.replace("rollout:", "#") + line})
        ended = command("validate", "--repo", git)
        assert (ended.code, f"rollout.{key} is not a known field" in ended.out) == (3, True)
    assert prometheus.requests == []


def test_prometheus_url_with_a_password_is_rejected_without_printing_the_password(
    cluster, git, command
):
    address = "https://bot:hunter2@prometheus.example"
    ended = command("apply", "--yes", "--repo", git, "--prometheus-url", address, on=cluster)
    assert ended.code == 64
    assert "the URL of Prometheus contains credentials" in ended.err
    assert "hunter2" not in ended.err + ended.out
