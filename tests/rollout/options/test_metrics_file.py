"""Tests the file that --metrics-file writes, for each way in which a run can end."""

from __future__ import annotations

import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.simulated import vm_yaml
from support.tools.installed import tool

GIB = 1 << 30
INVALID_CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\nmode: other\n"


def figures(path) -> dict:
    """Parse the metrics in a file; return their values, keyed by name and labels."""
    return {
        (sample.name.removeprefix("memory_reconciler_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


@pytest.fixture
def file(tmp_path):
    return tmp_path / "reconciler.prom"


@pytest.mark.parametrize("verb", ["apply", "reconcile"])
def test_metrics_file_shows_the_state_at_the_end_of_the_run(verb, serve, git, command, file):
    commit = git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    flags = ["--yes"] if verb == "apply" else []
    ended = command(verb, *flags, "--repo", git, "--metrics-file", file, on=serve("hotplug"))
    assert ended.code == 0
    found = figures(file)
    assert found["vms", "none", "converged"] == 1
    assert found["runs_total", "done"] == 1
    assert found["vm_changes_total", "converged", "done"] == 1
    assert found["vm_change_duration_seconds_count",] == 1
    assert sum(value for key, value in found.items() if key[0] == "forecasts_total") == 1
    assert found["api_requests_total", "200", "patch"] >= 1
    assert found["git_revision_info", commit, str(git), "HEAD"] == 1
    assert found["last_success_timestamp_seconds",] <= found["plan_timestamp_seconds",]
    assert file.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in file.parent.glob("*.part")] == []


def test_metrics_file_in_observe_mode_counts_the_changes_that_would_be_made(
    serve, git, command, file
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    on = serve("hotplug")
    command("reconcile", "--mode", "observe", "--repo", git, "--metrics-file", file, on=on)
    found = figures(file)
    assert found["vms", "live", "hotplug"] == 1
    assert found["drift_bytes", "grow", "live"] == GIB
    assert found["enforcing",] == 0


def test_metrics_file_of_a_failed_run_keeps_the_time_of_the_last_success(
    serve, git, command, file, tmp_path
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    on = serve("hotplug")
    command("reconcile", "--repo", git, "--metrics-file", file, on=on)
    before = figures(file)
    absent = tmp_path / "absent"
    ended = command("reconcile", "--repo", absent, "--metrics-file", file, on=on)
    assert ended.code == 1
    found = figures(file)
    assert found["runs_total", "error"] == 1
    for name in ("last_pass_timestamp_seconds", "last_success_timestamp_seconds"):
        assert found[name,] == before[name,]
    assert not [key for key in found if key[0] == "vms"]


def test_metrics_file_counts_a_rejected_commit_and_does_not_report_success(
    serve, git, command, file
):
    commit = git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    git.commit({".reconciler.yaml": INVALID_CONFIG})
    ended = command("reconcile", "--repo", git, "--metrics-file", file, on=serve("hotplug"))
    assert ended.code == 3
    found = figures(file)
    assert found["git_rejected_commits", "invalid-config"] == 1
    assert found["git_revision_info", commit, str(git), "HEAD"] == 1
    assert found["vms", "none", "converged"] == 1
    assert ("last_success_timestamp_seconds",) not in found


def test_metrics_file_of_a_run_with_a_failed_change_does_not_report_success(
    serve, git, command, file
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    ended = command("reconcile", "--repo", git, "--metrics-file", file, on=serve("plug-refused"))
    assert ended.code == 5
    found = figures(file)
    assert found["vms", "blocked", "plug-refused"] == 1
    assert ("last_success_timestamp_seconds",) not in found


@pytest.mark.parametrize(
    "left", [b"", b"\xff\x00", b"memory_reconciler_last_success_timestamp_seconds 9e99\n"]
)
def test_metrics_file_with_an_unreadable_last_success_time_is_replaced(
    left, serve, git, command, file
):
    file.write_bytes(left)
    git.commit({".reconciler.yaml": INVALID_CONFIG})
    command("reconcile", "--repo", git, "--metrics-file", file, on=serve("hotplug"))
    assert ("last_success_timestamp_seconds",) not in figures(file)


def test_unwritable_metrics_file_is_an_error_before_the_run_starts(serve, git, command, tmp_path):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    on = serve("hotplug")
    ended = command(
        "reconcile", "--repo", git, "--metrics-file", tmp_path / "absent" / "m.prom", on=on
    )
    assert ended.code == 64
    assert "--metrics-file" in ended.err


def test_promtool_accepts_the_metrics_file(serve, git, command, file):
    promtool = tool("promtool")
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    command("reconcile", "--repo", git, "--metrics-file", file, on=serve("hotplug"))
    ended = subprocess.run(
        [promtool, "check", "metrics"], input=file.read_bytes(), capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
