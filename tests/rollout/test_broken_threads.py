"""An unexpected error in a background thread ends ``apply`` with a report."""

from __future__ import annotations

import json

import pytest
from support.simulated import vm_yaml

from reconciler.cluster.informer.targets import KindTarget
from reconciler.cluster.write.events import ClusterRecorder
from reconciler.cluster.write.writer import ClusterWriter

WHY = "ended unexpectedly: ZeroDivisionError: broken"


def broken(*_arguments, **_options):
    raise ZeroDivisionError("broken")


@pytest.mark.parametrize(
    ("function", "result", "released"),
    [
        pytest.param((KindTarget, "event"), "running", True, id="a thread that watches"),
        # The write may still be executed, so the lease expires before another run starts.
        pytest.param((ClusterWriter, "write"), "running", False, id="a thread that writes"),
        pytest.param((ClusterRecorder, "send"), "done", True, id="a thread that sends Events"),
    ],
)
def test_unexpected_error_in_a_background_thread_ends_the_run_with_a_report(
    serve, git, command, tmp_path, monkeypatch, function, result, released
):
    git.commit({"vms.yaml": vm_yaml("default", "pg-0", "2Gi")})
    cluster = serve("hotplug", vms=[{"name": "pg-0", "guest": "1Gi"}])
    monkeypatch.setattr(*function, broken)
    report = tmp_path / "report.json"
    ended = command("apply", "--yes", "--repo", git, "--report", str(report), on=cluster)
    assert ended.code == 1
    document = json.loads(report.read_text())
    assert WHY in document["exit"]["message"]
    assert [each["result"] for each in document["outcomes"]] == [result]
    assert (cluster.lease()["spec"]["holderIdentity"] == "") is released


def test_unexpected_error_in_a_thread_that_lists_objects_ends_the_command(
    serve, git, command, monkeypatch
):
    git.commit({"vms.yaml": vm_yaml("default", "pg-0", "2Gi")})
    cluster = serve("hotplug", vms=[{"name": "pg-0", "guest": "1Gi"}])
    monkeypatch.setattr(KindTarget, "relist", broken)
    ended = command("apply", "--yes", "--repo", git, on=cluster)
    assert ended.code == 1
    assert WHY in ended.err
    assert not cluster.ours("PATCH")
