"""Configuration of plans for manifests that do not come from a Git repository."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
OTHER_CLUSTER = CONFIG + "cluster: 0a524c0d-deba-4bfb-8139-c5793a6587f4\n"
KUSTOMIZED = CONFIG + "metadata: {name: reconciler, namespace: x}\n"
UNBOUND = "warning[unbound] the run has no configuration"


@pytest.fixture
def piped(monkeypatch):
    def pipe(text):
        data = io.BytesIO(text.encode())
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data, isatty=lambda: False))

    return pipe


def test_plan_from_standard_input_warns_if_no_configuration_applies(serve, command, piped):
    cluster = serve("hotplug")
    piped(ASK_2GI)
    plan = command("plan", "-f", "-", on=cluster)
    assert (plan.code, UNBOUND in plan.out) == (0, True)
    piped(ASK_2GI)
    document = command("plan", "-f", "-", "-o", "json", on=cluster).json
    assert [each["code"] for each in document["diagnostics"]] == ["unbound"]


@pytest.mark.parametrize("way", ["flag", "environment", "stream", "folder"])
def test_configuration_for_piped_manifests_can_come_from_each_documented_source(
    way, serve, command, piped, tmp_path, monkeypatch
):
    cluster, flags = serve("hotplug"), []
    if way == "stream":
        piped(f"{ASK_2GI}---\n{OTHER_CLUSTER}")
        files = ["-f", "-"]
    elif way == "folder":
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / ".reconciler.yaml").write_text(OTHER_CLUSTER)
        (tmp_path / "in" / "vm.yaml").write_text(ASK_2GI)
        files = ["-f", tmp_path / "in"]
    else:
        (tmp_path / "c.yaml").write_text(OTHER_CLUSTER)
        piped(ASK_2GI)
        files = ["-f", "-"]
        flags = ["--config", tmp_path / "c.yaml"] if way == "flag" else []
        if way == "environment":
            monkeypatch.setenv("RECONCILER_CONFIG", str(tmp_path / "c.yaml"))
    ended = command("apply", "--yes", *files, *flags, on=cluster)
    assert ended.code == 1
    assert "the desired state is meant for cluster 0a524c0d" in ended.err
    assert cluster.writes() == []


def test_closed_maintenance_window_in_a_configuration_on_stdin_delays_the_rollout(
    serve, command, piped
):
    cluster = serve("hotplug")
    windows = 'windows: [{kind: allow, cron: "0 0 29 2 *", duration: 1m}]\n'
    piped(f"{ASK_2GI}---\n{KUSTOMIZED}{windows}")
    ended = command("apply", "--yes", "-f", "-", on=cluster)
    assert (ended.code, "outside-window" in ended.out) == (4, True)
    assert cluster.ours("PATCH", "kubevirt.io") == []
    assert UNBOUND not in ended.out
    assert "1 Config" not in ended.out


@pytest.mark.parametrize(
    ("stream", "flag", "code", "says"),
    [
        (OTHER_CLUSTER + "---\n" + CONFIG, False, 3, "stdin:11:1: error[extra-document]"),
        (CONFIG, True, 3, "stdin:7:1: error[extra-document]"),
        (CONFIG + "mode: obey\n", False, 3, "stdin:9:7: error[bad-value]"),
        ("", True, 0, "Valid: 1 VirtualMachine"),
    ],
    ids=["two on stdin", "flag and stdin", "invalid on stdin", "flag only"],
)
def test_invalid_configuration_on_stdin_is_an_error(
    stream, flag, code, says, command, piped, tmp_path
):
    (tmp_path / "c.yaml").write_text(CONFIG)
    piped(ASK_2GI + ("---\n" + stream if stream else ""))
    flags = ["--config", tmp_path / "c.yaml"] if flag else []
    ended = command("validate", "-f", "-", *flags)
    assert (ended.code, says in ended.out) == (code, True), ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--repo", "."], 64, "--config requires -f"),
        (["-f", "-"], 1, "nowhere.yaml does not exist"),
    ],
)
def test_config_option_needs_manifest_files_and_an_existing_configuration_file(
    arguments, code, says, command, piped
):
    piped(ASK_2GI)
    ended = command("validate", *arguments, "--config", "nowhere.yaml")
    assert (ended.code, says in ended.err) == (code, True), ended.err
