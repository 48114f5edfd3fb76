"""Tests the values, formats and labels of the Prometheus metrics of a process."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from support.builders import (
    NOW,
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    want,
)
from support.serving.service_view import COMMIT, make_view
from support.tools.installed import tool

from reconciler.app.counters import Counters
from reconciler.model.desired.config import Mode
from reconciler.model.explanation import Explanation
from reconciler.model.fields import ROLLOUT_STRATEGY
from reconciler.model.plan.plan import Effect
from reconciler.model.plan.plan_forecast import VMForecast
from reconciler.model.references import vm_ref
from reconciler.model.revision.commit_in_force import CommitInForce, RefusalReason, RefusedCommit
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result, RunReport
from reconciler.model.service.counts import Counted, Counts
from reconciler.model.service.view import ActiveRun, AlertHold, Role, Wait, WaitKind
from reconciler.report.metrics.exposition import OPENMETRICS, metrics_text
from reconciler.report.metrics.metric_table import METRICS
from reconciler.report.metrics.run_counts import LateChange

GIB = 1 << 30
ONE, TWO, THREE = (vm_ref("db", f"pg-{number}") for number in (1, 2, 3))


def figures(view, counts: Counts | None = None) -> dict:
    """Return the values of all metrics, by metric name and label values."""
    text = metrics_text(view, counts or Counts()).content.decode()
    return {
        (sample.name.removeprefix("memory_reconciler_"), *sample.labels.values()): sample.value
        for family in prometheus(text)
        for sample in family.samples
    }


def test_vm_metric_counts_vms_by_planned_effect_and_reason():
    live = make_live(
        *(make_vm(ref) for ref in (ONE, TWO, THREE)),
        vmis=tuple(make_vmi(ref) for ref in (ONE, TWO, THREE)),
    )
    found = figures(
        make_view(make_desired(want("2Gi", ONE), want("2Gi", TWO), want("1Gi", THREE)), live)
    )
    vms = {key[1:]: value for key, value in found.items() if key[0] == "vms"}
    assert vms == {("live", "hotplug"): 2, ("none", "converged"): 1}


def test_drift_metric_is_the_sum_of_memory_differences_by_direction_and_effect():
    live = make_live(
        make_vm(ONE, "1Gi"),
        make_vm(TWO, "4Gi", running_wanted=False),
        make_vm(THREE, "1Gi"),
        vmis=(make_vmi(ONE), make_vmi(THREE)),
    )
    desired = make_desired(want("3Gi", ONE), want("1Gi", TWO), want("8Gi", THREE))
    found = figures(make_view(desired, live))
    drift = {key[1:]: value for key, value in found.items() if key[0] == "drift_bytes" and value}
    assert drift == {
        ("grow", "live"): 2 * GIB,
        ("grow", "restart"): 7 * GIB,
        ("shrink", "cold"): 3 * GIB,
    }


def test_restart_wait_metric_is_the_earliest_start_that_kubevirt_or_this_process_knows():
    waits = replace(condition("True", message="memory updated"), since=NOW - timedelta(hours=3))
    live = make_live(
        make_vm(ONE, "8Gi", conditions={"RestartRequired": waits}),
        make_vm(TWO, "1Gi"),
        vmis=(make_vmi(ONE), make_vmi(TWO)),
    )
    desired = make_desired(want("8Gi", ONE), want("8Gi", TWO))
    found = figures(make_view(desired, live, restart_since={TWO: NOW - timedelta(hours=1)}))
    assert found["vms_waiting_for_restart",] == 2
    assert (
        found["oldest_restart_wait_timestamp_seconds",] == (NOW - timedelta(hours=3)).timestamp()
    )
    found = figures(make_view(desired, live, restart_since={TWO: NOW - timedelta(hours=9)}))
    assert (
        found["oldest_restart_wait_timestamp_seconds",] == (NOW - timedelta(hours=9)).timestamp()
    )


def test_start_time_metric_of_running_changes_prefers_the_time_of_the_kubevirt_condition():
    changing = replace(condition("True"), since=NOW - timedelta(minutes=2))
    untimed = {"HotMemoryChange": condition("True")}
    live = make_live(
        make_vm(ONE, "2Gi", guest_changed_at=NOW - timedelta(minutes=9)),
        make_vm(TWO, "2Gi", guest_changed_at=NOW - timedelta(minutes=5)),
        vmis=(
            make_vmi(ONE, conditions={"HotMemoryChange": changing}),
            make_vmi(TWO, conditions=untimed),
        ),
        migrations=(make_migration(ONE),),
    )
    found = figures(make_view(make_desired(want("2Gi", ONE), want("2Gi", TWO)), live))
    assert found["vm_changes_in_flight",] == 2
    start = found["oldest_vm_change_in_flight_timestamp_seconds",]
    assert start == (NOW - timedelta(minutes=5)).timestamp()


def test_start_time_metrics_are_absent_if_no_vm_waits_or_changes():
    found = figures(make_view())
    assert (found["vms_waiting_for_restart",], found["vm_changes_in_flight",]) == (0, 0)
    assert not [key for key in found if key[0].startswith("oldest_")]


def test_failed_migration_metric_counts_only_migrations_of_vms_in_git():
    failed = [make_migration(ONE, "Failed", name=f"m-{n}") for n in range(3)]
    other = make_migration(TWO, "Failed", name="m-9")
    live = make_live(
        make_vm(ONE), vmis=(make_vmi(ONE),), migrations=(*failed, make_migration(ONE), other)
    )
    assert figures(make_view(make_desired(want("1Gi", ONE)), live))["failed_migrations",] == 3


def test_kubevirt_configuration_metric_has_labels_for_effect_and_reason():
    live = make_live(kubevirt=make_kubevirt())
    desired = make_desired(kubevirt={ROLLOUT_STRATEGY: "Stage"})
    found = figures(make_view(desired, live))
    assert found["kubevirt_configuration", "config", "config-change"] == 1


def test_git_metrics_contain_the_applied_commit_and_the_number_of_rejected_commits():
    refused = RefusedCommit(
        commit="f" * 40, reason=RefusalReason.UNSIGNED, message="it is not signed"
    )
    in_force = CommitInForce(
        revision="main", newest="f" * 40, commit=COMMIT, behind=2, refused=(refused, refused)
    )
    view = make_view()
    found = figures(replace(view, source=replace(view.source, in_force=in_force)))
    assert found["git_revision_info", COMMIT, "https://git.example/vms", "main"] == 1
    assert found["git_rejected_commits", "unsigned"] == 2
    assert found["git_rejected_commits", "bad-signature"] == 0
    assert found["git_commits_behind",] == 2
    assert found["git_last_fetch_timestamp_seconds",] == NOW.timestamp()


def test_process_metrics_contain_the_leader_and_what_the_process_waits_for():
    wait = Wait(kind=WaitKind.CLUSTER, since=NOW, message="no answer")
    hold = AlertHold(since=NOW, alerts=("NodeDown",), message="NodeDown fires")
    view = make_view(role=Role.STANDBY, leader="other-2", waits=(wait,), hold=hold)
    found = figures(view)
    assert found["lease_holder_info", "other-2", "memory-reconciler-serve"] == 1
    assert found["wait_start_timestamp_seconds", "cluster"] == NOW.timestamp()
    expected = {"leader": 0, "ready": 0, "enforcing": 1, "alert_hold": 1}
    assert {name: found[name,] for name in expected} == expected
    found = figures(replace(view, lease="memory-reconciler-serve-2"))
    assert found["lease_holder_info", "other-2", "memory-reconciler-serve-2"] == 1
    found = figures(make_view(mode=Mode.OBSERVE))
    expected = {"leader": 1, "ready": 1, "enforcing": 0, "alert_hold": 0}
    assert {name: found[name,] for name in expected} == expected


def test_metrics_of_a_process_without_a_plan_contain_no_vm_counts():
    wait = Wait(kind=WaitKind.FIRST_PLAN, since=NOW, message="starting")
    found = figures(make_view(plan=None, live=None, planned_at=None, waits=(wait,)))
    assert found["ready",] == 0
    assert found["build_info", "0.1.0"] == 1
    assert not [key for key in found if key[0] in {"vms", "plan_timestamp_seconds"}]


def outcome(ref, result: Result, seconds: float | None, **overrides) -> Outcome:
    return Outcome(
        ref=ref,
        effect=Effect.LIVE,
        actuation=Actuation.SUCCEEDED,
        result=result,
        why=Explanation(reason="converged", message="done"),
        ended_at=None if seconds is None else NOW + timedelta(seconds=seconds),
        seconds=seconds,
        **overrides,
    )


@pytest.fixture
def counted() -> Counts:
    """The counters after a run with an early, an on-time and a late change."""
    live = make_live(*(make_vm(ref) for ref in (ONE, TWO, THREE)))
    plan = plan_of(make_desired(), live)
    forecasts = tuple(
        VMForecast(ref=ref, position=1, earliest_s=20, latest_s=100) for ref in (ONE, TWO, THREE)
    )
    report = RunReport(
        run_id="r",
        plan=replace(plan, forecast=replace(plan.forecast, vms=forecasts)),
        outcomes=(
            outcome(ONE, Result.DONE, 15),
            outcome(TWO, Result.DONE, 50),
            outcome(THREE, Result.DONE, 400),
            outcome(vm_ref("db", "pg-4"), Result.FAILED, None),
        ),
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=400),
        exit=ExitCode.FAILED,
    )
    counters = Counters()
    counters.count_run(report)
    counters.count_request("list", None)
    counters.add(Counted.WEBHOOK_DELIVERIES, "github", "accepted")
    counters.add(Counted.GIT_FETCHES, "unchanged")
    counters.add(Counted.NOTIFICATIONS, "slack", "sent")
    return counters.read()


def test_run_metrics_compare_the_duration_of_changes_with_the_forecast(counted):
    found = figures(make_view(), counted)
    assert found["runs_total", "failed"] == 1
    assert found["vm_changes_total", "converged", "done"] == 3
    assert found["vm_changes_total", "converged", "failed"] == 1
    results = ("early", "within", "late")
    assert [found["forecasts_total", each] for each in results] == [1, 1, 1]
    sums = ("earliest", "actual", "latest")
    assert [found["forecast_seconds_total", each] for each in sums] == [60, 465, 300]
    buckets = ("10.0", "30.0", "60.0", "300.0", "600.0", "+Inf")
    bucket = "vm_change_duration_seconds_bucket"
    assert [found[bucket, each] for each in buckets] == [0, 1, 2, 2, 3, 3]
    assert found["vm_change_duration_seconds_sum",] == 465
    assert found["vm_change_duration_seconds_count",] == 3


def test_run_metrics_contain_a_change_that_outlasts_its_run():
    forecast = VMForecast(ref=ONE, position=1, earliest_s=20, latest_s=100)
    counters = Counters()
    for known in (forecast, None):
        counters.count_late_change(LateChange(seconds=500, run_seconds=600, forecast=known))
    found = figures(make_view(), counters.read())
    assert found["vm_change_duration_seconds_sum",] == 1000
    assert found["forecasts_total", "late"] == 1
    assert found["forecast_seconds_total", "actual"] == 600


def test_metrics_count_api_requests_webhook_requests_git_fetches_and_notifications(counted):
    found = figures(make_view(), counted)
    assert found["api_requests_total", "<error>", "list"] == 1
    assert found["webhook_deliveries_total", "accepted", "github"] == 1
    assert found["git_fetches_total", "unchanged"] == 1
    assert found["notifications_total", "slack", "sent"] == 1


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.4", OPENMETRICS),
        ("Application/OpenMetrics-Text", OPENMETRICS),
        ("application/openmetrics-text;q=0, text/plain", "text/plain"),
        ("application/openmetrics-text; version=\x00\xff", OPENMETRICS),
        (",;=,", "text/plain"),
    ],
)  # fmt: skip
def test_metrics_format_follows_the_accept_header(counted, accept, media_type):
    text = metrics_text(make_view(), counted, accept)
    assert text.content_type.startswith(f"{media_type}; version=")
    parse = openmetrics if "openmetrics" in media_type else prometheus
    names = {each.name for each in parse(text.content.decode())}
    assert "memory_reconciler_vms" in names


def test_hostile_metric_label_value_is_escaped_and_truncated():
    view = make_view(leader='x"}\n# EOF\nfake 1\x1b[2J' + "y" * 5000 + "\ud800")
    for accept, parse in (("", prometheus), ("application/openmetrics-text", openmetrics)):
        text = metrics_text(view, Counts(), accept).content.decode()
        (holder,) = (
            sample
            for family in parse(text)
            for sample in family.samples
            if sample.name == "memory_reconciler_lease_holder_info"
        )
        assert len(holder.labels["holder"]) < 300
        assert "\x1b" not in text
        assert "fake" not in {family.name for family in parse(text)}


def test_number_of_metric_series_does_not_depend_on_the_number_of_vms():
    found = []
    for n_vms in (3, 300):
        refs = [vm_ref(f"tenant-{number}", f"guest-{number}") for number in range(n_vms)]
        live = make_live(*map(make_vm, refs), vmis=tuple(map(make_vmi, refs)))
        desired = make_desired(*(want("2Gi", ref) for ref in refs))
        found.append(metrics_text(make_view(desired, live), Counts()).content)
    few, many = found
    assert few.count(b"\n") == many.count(b"\n")
    assert b"tenant" not in many
    assert b"guest-" not in many


def test_every_documented_metric_is_exposed_by_a_busy_process(counted):
    view = busy_view()
    text = metrics_text(view, counted).content.decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert names == {each.full_name for each in METRICS}


def busy_view():
    """Build the state of a process that has a value for every metric."""
    waits = replace(condition("True", message="memory updated"), since=NOW)
    changing = replace(condition("True"), since=NOW)
    live = make_live(
        make_vm(ONE, "8Gi", conditions={"RestartRequired": waits}),
        make_vm(TWO, "2Gi"),
        vmis=(make_vmi(ONE), make_vmi(TWO, conditions={"HotMemoryChange": changing})),
    )
    desired = make_desired(
        want("8Gi", ONE), want("2Gi", TWO), kubevirt={ROLLOUT_STRATEGY: "LiveUpdate"}
    )
    view = make_view(desired, live, last_pass_at=NOW, last_success_at=NOW)
    run = ActiveRun(run_id="r", plan=view.plan, started_at=NOW)
    wait = Wait(kind=WaitKind.ROLLOUT_LEASE, since=NOW, message="held")
    return replace(view, run=run, waits=(wait,))


def test_promtool_finds_no_problem_in_the_metrics(counted):
    promtool = tool("promtool")
    ended = subprocess.run(
        [promtool, "check", "metrics"],
        input=metrics_text(busy_view(), counted).content,
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr.decode()) == (0, "")
