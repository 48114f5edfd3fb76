"""Runs the workflows in examples/workflows/github job by job against a simulated cluster."""

from __future__ import annotations

import json
import shutil

import pytest
from support.actions_runner.runner import Result
from support.forges.fake_forge import HEAD, TOKEN, FakeGitHub
from support.tools.installed import tool

PULL_REQUEST = {
    "event_name": "pull_request",
    "ref": "refs/pull/7/merge",
    "event": {
        "pull_request": {"number": 7, "base": {"ref": "stable"}},
        "repository": {"default_branch": "main"},
    },
}


@pytest.fixture
def gh(project):
    """Return a function that installs a fake ``gh`` command that knows the given artifacts."""

    def install(runner, artifacts: list[dict]) -> None:
        answer = project.folder / "artifacts.json"
        answer.write_text(json.dumps({"artifacts": artifacts}))
        command = project.folder / "bin" / "gh"
        command.write_text(
            f'#!/bin/sh\n[ "$1 $3" = "api --jq" ] || exit 9\n[ -n "$GH_TOKEN" ] || exit 8\n'
            f'exec {tool("jq")} -r "$4" {answer}\n'
        )
        command.chmod(0o755)

    return install


def artifact(
    run: int, branch: str = "main", repository: int = 1, *, expired: bool = False
) -> dict:
    run_of = {"id": run, "head_branch": branch, "head_repository_id": repository}
    return {"expired": expired, "workflow_run": {**run_of, "repository_id": 1}}


def with_snapshot(project, run: str) -> None:
    """Run the snapshot workflow with the workflow run ID *run*."""
    runner = project.runner(event_name="schedule", run_id=run)
    runner.secrets = {"KUBECONFIG": project.kubeconfig}
    result = project.job("github/snapshot.yml", "snapshot", runner)
    assert result.outcome == "success", runner.log


def planned(project, gh, run: str = "21"):
    """Run the plan workflow of a pull request with the workflow run ID *run*."""
    runner = project.runner(run_id=run, **PULL_REQUEST)
    gh(runner, [artifact(20)])
    return runner, project.job("github/plan.yml", "plan", runner)


def test_github_plan_job_uses_the_newest_cluster_snapshot_of_the_default_branch(project, gh):
    with_snapshot(project, "20")
    runner = project.runner(run_id="21", **PULL_REQUEST)
    gh(runner, [artifact(9, "feature"), artifact(8, repository=2), artifact(20), artifact(7)])
    result = project.job("github/plan.yml", "plan", runner)
    assert result.outcome == "success", runner.log
    downloads = [i for name, i in runner.surroundings.calls if name == "actions/download-artifact"]
    assert [each["run-id"] for each in downloads] == ["20"]
    assert runner.summary.startswith("**This pull request: 2 VMs change live")
    files = {each.name for each in (project.folder / "artifacts/21/plan").iterdir()}
    assert {"plan.json", "plan.html", "plan.log"} <= files


def test_github_plan_job_of_a_pull_request_needs_no_secret_and_no_token_that_can_write(
    project, gh
):
    with_snapshot(project, "20")
    runner, result = planned(project, gh)
    assert result.outcome == "success"
    assert not any("RECONCILER_FORGE_TOKEN" in each for each in runner.environments)
    assert not any(each.get("KUBECONFIG_CONTENT") for each in runner.environments)


def test_github_plan_job_without_a_snapshot_of_the_default_branch_fails_with_an_annotation(
    project, gh
):
    runner = project.runner(**PULL_REQUEST)
    gh(runner, [artifact(9, "feature"), artifact(8, repository=2), artifact(7, expired=True)])
    assert project.job("github/plan.yml", "plan", runner).outcome == "failure"
    [error] = [each for each in runner.commands if each.name == "error"]
    assert "has not uploaded a snapshot" in error.message


def test_github_comment_job_for_a_fork_finds_the_pull_request_by_the_commit_in_the_event(
    project, gh
):
    with_snapshot(project, "20")
    planned(project, gh)
    with FakeGitHub() as forge:
        runner = comment_runner(project, forge)
        result = project.job("github/comment.yml", "comment", runner)
        assert result.outcome == "success", runner.log
        [text] = forge.texts()
        [(commit, status)] = forge.statuses
    assert "2 VMs change live" in text
    assert "https://github.example.com/runs/21" in text
    assert (commit, status["state"]) == (HEAD, "success")
    assert TOKEN not in runner.log


def test_github_comment_about_a_failed_plan_shows_the_log_of_the_plan(project, gh):
    with_snapshot(project, "20")
    other = "apiVersion: reconciler/v1alpha1\nkind: Config\ncluster: another-cluster\n"
    project.git.commit({".reconciler.yaml": other})
    _, result = planned(project, gh)
    assert result.outcome == "failure"
    with FakeGitHub() as forge:
        runner = comment_runner(project, forge)
        assert project.job("github/comment.yml", "comment", runner).outcome == "success", (
            runner.log
        )
        [text] = forge.texts()
    assert "No plan was made" in text


def test_github_comment_is_not_posted_if_the_pull_request_has_a_newer_commit(project, gh):
    with_snapshot(project, "20")
    planned(project, gh)
    with FakeGitHub() as forge:
        runner = comment_runner(project, forge)
        forge.pulls[0].head = "0" * 40
        assert project.job("github/comment.yml", "comment", runner).outcome == "failure"
        assert (forge.texts(), forge.statuses) == ([], [])


def test_github_comment_from_a_modified_artifact_is_not_posted(project, gh):
    with_snapshot(project, "20")
    planned(project, gh)
    path = project.folder / "artifacts/21/plan/plan.json"
    path.write_text(path.read_text().replace("2Gi", "3Gi"))
    with FakeGitHub() as forge:
        runner = comment_runner(project, forge)
        assert project.job("github/comment.yml", "comment", runner).outcome == "failure"
        assert forge.texts() == []


@pytest.mark.parametrize(
    ("event", "conclusion", "outcome"),
    [
        ("push", "success", "skipped"),
        ("pull_request", "cancelled", "skipped"),
        ("pull_request", "action_required", "skipped"),
    ],
)
def test_github_comment_is_only_posted_for_completed_pull_request_runs(
    project, event, conclusion, outcome
):
    about = {"event": event, "conclusion": conclusion, "id": 21, "html_url": "", "head_sha": HEAD}
    runner = project.runner(event_name="workflow_run", event={"workflow_run": about})
    assert project.job("github/comment.yml", "comment", runner).outcome == outcome


def comment_runner(project, forge):
    """Return a CI machine for the workflow that follows the plan of a pull request from a fork."""
    forge.pulls[0].owner = "fork"
    about = {
        "event": "pull_request",
        "conclusion": "success",
        "id": 21,
        "head_sha": HEAD,
        "html_url": "https://github.example.com/runs/21",
        "head_branch": "memory",
        "head_repository": {"full_name": "fork/vms", "owner": {"login": "fork"}},
    }
    event = {"workflow_run": about, "repository": {"default_branch": "main"}}
    github = {"event_name": "workflow_run", "api_url": forge.url, "token": TOKEN, "run_id": "22"}
    return project.runner(event=event, **github)


def test_github_apply_job_applies_the_plan_of_the_preceding_job(project):
    plan_runner = project.runner(run_id="30")
    plan_runner.secrets = {"KUBECONFIG": project.kubeconfig}
    plan = project.job("github/apply.yml", "plan", plan_runner)
    assert (plan.outcome, plan.outputs) == ("success", {"changes": "2"}), plan_runner.log
    with FakeGitHub() as forge:
        runner = project.runner(run_id="30", api_url=forge.url, sha=HEAD, token=TOKEN)
        runner.secrets = {"KUBECONFIG": project.kubeconfig}
        result = project.job("github/apply.yml", "apply", runner, {"plan": plan})
        assert result.outcome == "success", runner.log
        assert forge.statuses[-1][1]["state"] == "success"
    assert project.guests() == ["2Gi", "2Gi"]
    assert (project.folder / "artifacts/30/report/report.json").exists()
    # If the same run is repeated, it replaces the artifacts of its first attempt.
    plan_runner = project.runner(run_id="30")
    plan_runner.secrets = {"KUBECONFIG": project.kubeconfig}
    plan = project.job("github/apply.yml", "plan", plan_runner)
    assert (plan.outcome, plan.outputs) == ("success", {"changes": "0"}), plan_runner.log


def test_github_apply_job_is_skipped_without_changes_or_after_a_failed_plan(project):
    runner = project.runner()
    for plan in (Result("success", {"changes": "0"}), Result("failure", {"changes": "2"})):
        assert (
            project.job("github/apply.yml", "apply", runner, {"plan": plan}).outcome == "skipped"
        )


def test_github_drift_job_fails_only_if_the_cluster_differs_from_git(project):
    runner = project.runner(event_name="schedule", run_id="40")
    runner.secrets = {"KUBECONFIG": project.kubeconfig}
    assert project.job("github/drift.yml", "drift", runner).outcome == "failure"
    assert runner.commands[-1].message.startswith("the cluster differs from the default branch")
    assert (project.folder / "artifacts/40/drift/plan.html").exists()
    project.git("revert", "--no-edit", "HEAD")
    shutil.rmtree(project.folder / "artifacts")
    runner = project.runner(event_name="schedule", run_id="41")
    runner.secrets = {"KUBECONFIG": project.kubeconfig}
    assert project.job("github/drift.yml", "drift", runner).outcome == "success", runner.log
