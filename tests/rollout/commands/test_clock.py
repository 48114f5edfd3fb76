"""With a wrong local clock, the product uses the API server's clock for times in the cluster."""

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
from reconciler.cli.option_values import TextFormat
from reconciler.cli.terminal.run_output import RunOutput


@pytest.fixture
def run(serve, git, tmp_path, capsys):
    """Grow one VM with apply; the local clock is *ahead_s* seconds ahead of the cluster."""

    def run(
        ahead_s: float, world: str, *, corrected: bool = True, deadline_s: float | None = None
    ):
        git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
        cluster = serve(world)
        epoch = cluster.simulator.clock.now() + timedelta(seconds=ahead_s)
        clock = ScaledClock(epoch=epoch, scale=SCALE)
        asked = ApplyOptions(
            source=SourceOptions(repo=str(git)),
            cluster=ClusterOptions(kubeconfig=cluster.kubeconfig, time_scale=SCALE),
            deadline_s=deadline_s,
        )
        output = RunOutput(output=TextFormat.JSON)
        apply.run(asked, ServerClock(clock) if corrected else clock, output)
        return json.loads(capsys.readouterr().out), cluster

    return run


@pytest.mark.parametrize(("ahead_s", "side"), [(600.0, "ahead of"), (-600.0, "behind")])
def test_vm_change_is_tracked_to_completion_although_the_local_clock_is_ten_minutes_wrong(
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
    """Measured with the wrong local clock, every guest would exceed its time limit."""
    report, _ = run(600.0, "guest-silent", corrected=corrected, deadline_s=100.0)
    (outcome,) = report["outcomes"]
    assert outcome["reason"] == reason
