"""If the local clock is wrong, the API server's clock determines the times of cluster events."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from support.served import SCALE
from support.simulated import vm_yaml

from reconciler.app import apply
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.clock import ScaledClock, ServerClock
from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.cli.commands import plan
from reconciler.cli.commands.plan import PlanOptions
from reconciler.cli.option_values import PlanFormat, TextFormat
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.errors import ClocksDifferError
from reconciler.simulator.http_server import http_app


def config(now: datetime, opens_in_s: float, lasts: str) -> str:
    """Return a configuration with a maintenance window that opens *opens_in_s* after *now*."""
    opens = now + timedelta(seconds=opens_in_s)
    cron = f"{opens.minute} {opens.hour} {opens.day} {opens.month} *"
    return f"""\
apiVersion: reconciler/v1alpha1
kind: Config
windows: [{{kind: allow, cron: "{cron}", duration: {lasts}}}]
"""


@pytest.fixture
def run(serve, git, tmp_path, capsys):
    """Grow one VM with apply while the local clock is *ahead_s* seconds ahead of the cluster's."""

    def run(
        ahead_s: float,
        world: str,
        *,
        corrected: bool = True,
        deadline_s: float | None = None,
        window: tuple[float, str] | None = None,
        plans: bool = False,
        **options,
    ):
        cluster = run.cluster = serve(world)
        files = {"vm.yaml": vm_yaml("default", "vm", "2Gi")}
        if window is not None:
            files[".reconciler.yaml"] = config(cluster.simulator.clock.now(), *window)
        git.commit(files)
        epoch = cluster.simulator.clock.now() + timedelta(seconds=ahead_s)
        clock = ScaledClock(epoch=epoch, scale=SCALE)
        asked = ApplyOptions(
            source=SourceOptions(repo=str(git)),
            cluster=ClusterOptions(kubeconfig=cluster.kubeconfig, time_scale=SCALE),
            deadline_s=deadline_s,
            **options,
        )
        used = ServerClock(clock) if corrected else clock
        if plans:
            shown = PlanOptions(source=asked.source, cluster=asked.cluster, output=PlanFormat.JSON)
            plan.run(shown, used)
        else:
            apply.run(asked, used, RunOutput(output=TextFormat.JSON))
        return json.loads(capsys.readouterr().out), cluster

    return run


@pytest.mark.parametrize(("ahead_s", "side"), [(600.0, "ahead of"), (-600.0, "behind")])
def test_vm_change_is_tracked_until_it_is_complete_if_the_local_clock_is_ten_minutes_wrong(
    run, ahead_s, side, caplog
):
    report, cluster = run(ahead_s, "hotplug")
    (outcome,) = report["outcomes"]
    assert (outcome["result"], outcome["reason"]) == ("done", "converged")
    assert f"s {side} the API server's" in caplog.text
    times = [report["startedAt"], outcome["patchedAt"], outcome["endedAt"], report["endedAt"]]
    assert times == sorted(times)
    ended_at = datetime.fromisoformat(report["endedAt"])
    assert abs((cluster.simulator.clock.now() - ended_at).total_seconds()) < 120


@pytest.mark.parametrize(
    ("corrected", "reason"), [(True, "guest-accepting"), (False, "guest-silent")]
)
def test_guest_timeout_is_measured_with_the_api_server_clock(run, corrected, reason):
    """If the wrong local clock measured the time, every guest would exceed its time limit."""
    report, _ = run(600.0, "guest-silent", corrected=corrected, deadline_s=100.0)
    (outcome,) = report["outcomes"]
    assert outcome["reason"] == reason


@pytest.mark.parametrize(
    ("ahead_s", "window", "whose"),
    [
        (-86_400.0, (-3600.0, "9h"), "the API server's"),
        (86_400.0, (82_800.0, "9h"), "this machine's"),
    ],
)
def test_run_writes_nothing_if_a_maintenance_window_is_open_according_to_only_one_of_two_clocks(
    ahead_s, window, whose, run, tmp_path
):
    report = tmp_path / "report.json"
    with pytest.raises(ClocksDifferError) as caught:
        run(ahead_s, "hotplug", window=window, report=report)
    message = str(caught.value)
    assert f"a maintenance window is open only according to {whose} clock" in message
    assert "they differ by 24 h" in message
    written = json.loads(report.read_text())
    assert written["exit"]["code"] == 1
    assert message in written["exit"]["message"]
    assert run.cluster.writes() == []


def test_plan_warns_if_a_maintenance_window_is_open_according_to_only_one_of_two_clocks(run):
    shown, cluster = run(-86_400.0, "hotplug", window=(-3600.0, "9h"), plans=True)
    (warning,) = (each for each in shown["diagnostics"] if each["code"] == "clocks-differ")
    assert warning["severity"] == "warning"
    assert cluster.url.removeprefix("http://") in warning["message"]
    assert cluster.writes() == []


def test_clock_difference_without_effect_on_the_maintenance_window_causes_only_a_warning(
    run, caplog
):
    report, _ = run(-600.0, "hotplug", window=(-3600.0, "9h"))
    assert report["exit"]["code"] == 0
    assert "this machine's clock is 600 s behind the API server's clock" in caplog.text


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Sat, 01 Jan 0000 00:00:00 GMT",
        "Mon, 99 Nov 2026 99:99:99 GMT",
        "9" * 5000,
        "",
    ],
)
@pytest.mark.parametrize("window", [None, (-3600.0, "9h")])
def test_impossible_date_header_of_the_api_server_never_causes_an_unexpected_exception(
    date, window, run, monkeypatch
):
    """A wrong Date header has no effect without maintenance windows, and is an error with them."""
    monkeypatch.setattr(http_app, "_date", lambda _clock: ("Date", date))
    if window is None or not date.startswith(("Fri", "Mon, 01", "Sat")):
        report, _ = run(0.0, "hotplug", window=window)
        assert report["exit"]["code"] == 0
        return
    with pytest.raises(ClocksDifferError, match="they differ by"):
        run(0.0, "hotplug", window=window)
