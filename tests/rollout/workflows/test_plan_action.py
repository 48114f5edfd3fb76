"""Runs the composite GitHub Action ``plan`` step by step against a simulated cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.actions_runner.machine import machine
from support.forges.fake_forge import TOKEN, FakeGitHub
from support.simulated import vm_yaml

ACTION = ".github/actions/plan"
VMS = [{"name": name, "namespace": "team-a", "guest": "1Gi"} for name in ("db-1", "db-2")]
GROWN = vm_yaml("team-a", "db-1", "2Gi") + vm_yaml("team-a", "db-2", "1Gi")
UNCHANGED = vm_yaml("team-a", "db-1", "1Gi") + vm_yaml("team-a", "db-2", "1Gi")


@pytest.fixture
def job(tmp_path, git, serve):
    """Return a function that runs the plan action for a commit with the given files."""
    served = serve("hotplug", vms=VMS)

    def run(files: dict[str, str], event_name: str = "push", github=None, **inputs: str):
        git.commit(files)
        runner = machine(tmp_path, git.path, event_name=event_name, **(github or {}))
        result = runner.action(ACTION, {"cluster-name": "east", "kubeconfig": kubeconfig} | inputs)
        return runner, result

    kubeconfig = served.kubeconfig.read_text()
    return run


def test_plan_action_outputs_the_number_of_changes_and_the_digest_of_the_plan(job):
    runner, result = job({"vms.yaml": GROWN})
    assert result.outcome == "success", runner.log
    plan = json.loads(Path(result.outputs["plan-file"]).read_text())
    assert result.outputs | {"folder": "", "plan-file": ""} == {
        "changes": "1",
        "added": "",
        "live": "1",
        "restart": "0",
        "blocked": "0",
        "digest": plan["digest"],
        "exit-code": "2",
        "plan-file": "",
        "folder": "",
    }
    assert runner.summary.startswith("**1 VM changes live")
    assert "cluster <code>east</code>" in runner.summary
    names = {each.name for each in Path(result.outputs["folder"]).iterdir()}
    assert names == {
        *("plan.json", "plan.html", "plan.txt", "plan.sarif", "plan.log", "annotations.txt"),
    }


def test_plan_action_annotates_the_line_of_each_change(job):
    runner, _ = job({"vms.yaml": GROWN})
    [notice] = [each for each in runner.commands if each.name == "notice"]
    assert notice.properties["file"] == "vms.yaml"
    assert "1Gi -> 2Gi" in notice.message


def test_plan_action_succeeds_without_changes(job):
    runner, result = job({"vms.yaml": UNCHANGED})
    assert (result.outcome, result.outputs["exit-code"]) == ("success", "0"), runner.log
    assert result.outputs["changes"] == "0"


@pytest.mark.parametrize(("wanted", "outcome"), [("false", "success"), ("true", "failure")])
def test_plan_action_fails_with_exit_code_4_only_if_an_action_input_requests_this(
    job, wanted, outcome
):
    smaller = vm_yaml("team-a", "db-1", "512Mi") + vm_yaml("team-a", "db-2", "1Gi")
    runner, result = job({"vms.yaml": smaller}, **{"fail-on-blocked": wanted})
    assert result.outputs["exit-code"] == "4", runner.log
    assert result.outputs["restart"] == "1"
    assert result.outcome == outcome


def test_plan_action_annotates_an_invalid_manifest_and_then_fails(job):
    runner, result = job({"vms.yaml": GROWN.replace("2Gi", "2Gix")})
    assert result.outcome == "failure"
    assert result.outputs["exit-code"] == "3"
    [error] = [each for each in runner.commands if each.name == "error"]
    assert error.properties["file"] == "vms.yaml"


def test_plan_action_without_a_cluster_shows_the_error_in_its_summary(job):
    runner, result = job({"vms.yaml": GROWN}, kubeconfig="apiVersion: v1\nkind: Config\n")
    assert result.outcome == "failure"
    assert result.outputs["exit-code"] == "1"
    assert result.outputs["plan-file"] == result.outputs["digest"] == ""
    assert "No plan was made" in runner.summary
    assert "kubeconfig" in runner.summary


def test_plan_action_can_read_a_snapshot_file_instead_of_a_cluster(job, command, serve, tmp_path):
    snapshot = tmp_path / "live.json"
    assert command("snapshot", "--out", snapshot, on=serve("hotplug", vms=VMS)).code == 0
    runner, result = job({"vms.yaml": GROWN}, kubeconfig="", snapshot=str(snapshot))
    assert (result.outcome, result.outputs["live"]) == ("success", "1"), runner.log


def test_plan_action_removes_the_kubeconfig_and_never_prints_it(job):
    runner, _ = job({"vms.yaml": GROWN})
    kubeconfigs = [
        each["KUBECONFIG_CONTENT"] for each in runner.environments if "KUBECONFIG_CONTENT" in each
    ]
    [content] = kubeconfigs
    [token] = [line.split()[-1] for line in content.splitlines() if "token:" in line]
    assert token not in runner.log
    left = [each for each in Path("/dev/shm").glob("kubeconfig.*") if token in each.read_text()]
    assert left == []


def test_plan_action_uploads_sarif_only_if_an_action_input_requests_the_upload(job):
    runner, _ = job({"vms.yaml": GROWN})
    assert runner.surroundings.calls == []
    runner, result = job({"vms.yaml": GROWN}, **{"upload-sarif": "true"})
    [(action, inputs)] = runner.surroundings.calls
    assert action == "github/codeql-action/upload-sarif"
    assert inputs["category"] == "reconciler-east"
    assert result.outcome == "success"


def test_plan_action_updates_a_single_pull_request_comment(job):
    with FakeGitHub() as forge:
        github = {"api_url": forge.url, "ref": "refs/pull/7/merge"}
        comment = {"comment": "true", "token": TOKEN}
        for files in ({"vms.yaml": UNCHANGED}, {"vms.yaml": GROWN}):
            runner, result = job(files, event_name="pull_request", github=github, **comment)
            assert result.outcome == "success", runner.log
        [text] = forge.texts()
    assert "1 VM changes live" in text
    assert TOKEN not in runner.log


def test_plan_action_without_the_comment_input_sends_nothing_to_the_git_host(job):
    with FakeGitHub() as forge:
        github = {"api_url": forge.url, "ref": "refs/pull/7/merge"}
        runner, result = job({"vms.yaml": GROWN}, event_name="pull_request", github=github)
        assert result.outcome == "success"
        assert forge.requests == []
    assert not any("RECONCILER_FORGE_TOKEN" in each for each in runner.environments)


def test_plan_action_with_a_base_branch_counts_and_annotates_only_changes_that_the_commit_adds(
    job, git
):
    git.commit({"vms.yaml": GROWN + vm_yaml("team-a", "db-3", "900Gi")})
    both = GROWN.replace("name: db-2", "name: db-2, labels: {a: b}").replace("1Gi", "3Gi")
    runner, result = job({"vms.yaml": both}, **{"base": "HEAD^1", "upload-sarif": "true"})
    assert result.outcome == "success", runner.log
    numbers = {key: result.outputs[key] for key in ("exit-code", "changes", "added", "live")}
    assert numbers == {"exit-code": "2", "changes": "2", "added": "1", "live": "2"}
    [notice] = [each for each in runner.commands if each.name == "notice"]
    assert "db-2" in notice.message
    assert "Already pending before this pull request: 1 live" in runner.summary
    [(_, inputs)] = runner.surroundings.calls
    results = json.loads(Path(inputs["sarif_file"]).read_text())["runs"][0]["results"]
    assert [each["baselineState"] for each in results] == ["new", "unchanged"]
