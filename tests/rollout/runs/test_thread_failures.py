"""If a background thread fails, the rollout ends with a report and releases its lease."""

from __future__ import annotations

import threading

from support.simulated import vm_yaml

from reconciler.app import apply
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.clock import SystemClock
from reconciler.app.input_options import ClusterOptions, SourceOptions
from reconciler.cli.terminal.run_output import RunOutput
from reconciler.model.run.outcome import ExitCode

EACH_WATCH_ENDS = {"effect": "drop", "verbs": ["watch"], "events": 1, "times": 1000}


class BrokenClock(SystemClock):
    """A clock that raises an error in the informer's threads after the first patch."""

    def __init__(self, cluster):
        super().__init__()
        self._cluster = cluster

    def monotonic(self):
        follows = threading.current_thread().name.startswith("watch ")
        if follows and self._cluster.ours("PATCH", "/virtualmachines/"):
            raise ZeroDivisionError("no time")
        return super().monotonic()


def test_run_reports_an_error_and_releases_its_lease_if_an_informer_thread_fails(
    serve, git, tmp_path, capsys
):
    git.commit({"vms.yaml": vm_yaml("default", "vm", "2Gi")})
    cluster = serve("hotplug", apiFaults=[EACH_WATCH_ENDS])
    report = tmp_path / "report.json"
    code = apply.run(
        ApplyOptions(
            source=SourceOptions(repo=str(git)),
            cluster=ClusterOptions(kubeconfig=str(cluster.kubeconfig)),
            deadline_s=30.0,
            report=report,
        ),
        BrokenClock(cluster),
        RunOutput(),
    )
    assert code is ExitCode.ERROR
    assert "ended unexpectedly: ZeroDivisionError: no time" in report.read_text()
    assert "the run ended because of an error: the thread that watches" in capsys.readouterr().out
    assert not cluster.lease()["spec"]["holderIdentity"]
