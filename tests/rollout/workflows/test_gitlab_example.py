"""Runs the pipelines of examples/workflows/gitlab with a simulated cluster and a fake GitLab."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from rollout.workflows.conftest import EXAMPLES
from support.forges.fake_forge import TOKEN, FakeGitLab
from support.gitlab_runner.pipeline import Pipeline

if TYPE_CHECKING:
    from pathlib import Path

FILE = EXAMPLES / "gitlab" / ".gitlab-ci.yml"
MERGED = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
SCHEDULED = {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}


@pytest.fixture
def server(project):
    """A bare repository with the commits of the project, as on a GitLab server."""
    bare = project.folder / "server.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", project.git.path, bare], check=True)
    project.git("remote", "add", "server", str(bare))
    project.runner()  # writes the command reconciler
    return bare


@pytest.fixture
def pipeline(project, server):
    """Return a function that runs a pipeline for the last commit, in the project or in a fork."""
    numbers = iter(range(1, 100))

    def run(variables: dict[str, str], *manual: str, fork: Path | None = None):
        project.git("push", "--quiet", "server", "main")
        commit = project.git("rev-parse", "HEAD")
        given = {
            "CI_COMMIT_SHA": commit,
            "CI_DEFAULT_BRANCH": "main",
            "CI_PROJECT_ID": "team/vms",
            "CI_PIPELINE_URL": "https://gitlab.example.com/-/pipelines/9",
            "KUBECONFIG": str(project.served.kubeconfig),
        }
        if variables["CI_PIPELINE_SOURCE"] == "merge_request_event":
            del given["KUBECONFIG"]  # only protected branches receive it
        folder = project.folder / f"pipeline-{next(numbers)}"
        folder.mkdir()
        commands = project.folder / "bin"
        started = Pipeline(
            FILE, fork or server, folder, given | variables, commands, frozenset(manual)
        )
        return started.run()

    return run


@pytest.fixture
def merge_request(project, pipeline, server):
    """The variables of a merge request pipeline, after a pipeline that took a snapshot."""
    results = pipeline(SCHEDULED | {"MEMORY_TASK": "snapshot"})
    assert list(results) == ["snapshot"]
    assert results["snapshot"].passed, results["snapshot"].log
    base = project.git("rev-parse", "HEAD^1")
    return {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_PROJECT_URL": str(server.with_suffix("")),
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
    }


def test_gitlab_snapshot_job_stores_the_cluster_snapshot_as_the_only_commit_of_a_branch(
    pipeline, server
):
    for _ in range(2):
        assert pipeline(SCHEDULED | {"MEMORY_TASK": "snapshot"})["snapshot"].passed
    command = ["git", "log", "--format=%s", "memory-snapshot"]
    log = subprocess.run(command, cwd=server, capture_output=True, check=True)
    assert log.stdout.decode() == "Snapshot of the cluster\n"


def test_gitlab_plan_job_for_a_fork_writes_a_code_quality_report_and_needs_no_token(
    project, server, pipeline, merge_request
):
    fork = project.folder / "fork.git"
    clone = ["git", "clone", "--quiet", "--bare", "--single-branch", server, fork]
    subprocess.run(clone, check=True)
    results = pipeline(merge_request, fork=fork)
    assert list(results) == ["plan"]
    plan = results["plan"]
    assert plan.passed, plan.log
    assert list(plan.artifacts) == ["plan.html", "plan.json", "plan.log", "code-quality.json"]
    found = json.loads(plan.artifacts["code-quality.json"].read_text())
    assert {each["location"]["path"] for each in found} == {"vms.yaml"}


def test_gitlab_plan_job_for_a_merged_result_counts_only_the_changes_of_the_merge_request(
    project, pipeline, merge_request
):
    base, author = (
        merge_request["CI_MERGE_REQUEST_DIFF_BASE_SHA"],
        project.git("rev-parse", "HEAD"),
    )
    project.git("checkout", "--quiet", "--detach", base)
    half = project.git("show", f"{author}:vms.yaml").replace("2Gi", "1Gi", 1)
    target = project.git.commit({"vms.yaml": half + "\n"})
    project.git("merge", "--quiet", "--strategy-option=theirs", "--message=merge", author)
    project.git("checkout", "--quiet", "-B", "main")
    merged = merge_request | {"CI_MERGE_REQUEST_TARGET_BRANCH_SHA": target}
    plan = pipeline(merged)["plan"]
    found = json.loads(plan.artifacts["code-quality.json"].read_text())
    assert [each["description"].startswith("Also in the base commit") for each in found] == [
        False,
        True,
    ]


def test_gitlab_comment_shows_the_plan_of_the_preceding_job(project, pipeline, merge_request):
    with FakeGitLab() as forge:
        forge.pulls[0].head = project.git("rev-parse", "HEAD")
        token = {"CI_API_V4_URL": forge.url, "RECONCILER_FORGE_TOKEN": TOKEN}
        results = pipeline(merge_request | token)
        assert list(results) == ["plan", "comment"]
        assert results["comment"].passed, results["comment"].log
        [text] = forge.texts()
    assert "2 VMs change live" in text
    assert "cluster <code>production</code>" in text
    assert TOKEN not in results["plan"].log + results["comment"].log


def test_gitlab_plan_job_for_an_invalid_manifest_fails_and_its_result_is_posted(
    project, pipeline, merge_request
):
    project.git.commit({"vms.yaml": "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nspec: 1\n"})
    with FakeGitLab() as forge:
        forge.pulls[0].head = project.git("rev-parse", "HEAD")
        token = {"CI_API_V4_URL": forge.url, "RECONCILER_FORGE_TOKEN": TOKEN}
        results = pipeline(merge_request | token)
        assert results["plan"].code == 3
        assert "code-quality.json" in results["plan"].artifacts
        assert results["comment"].passed, results["comment"].log
        assert forge.statuses[-1][1]["state"] == "failed"


def test_gitlab_apply_job_is_started_manually_and_applies_the_plan_of_the_preceding_job(
    project, pipeline
):
    merged = pipeline(MERGED)
    assert list(merged) == ["plan-merged"]
    assert "code-quality.json" in merged["plan-merged"].artifacts
    assert project.served.writes() == []
    with FakeGitLab() as forge:
        token = {"CI_API_V4_URL": forge.url, "RECONCILER_FORGE_TOKEN": TOKEN}
        results = pipeline(MERGED | token, "apply")
        assert results["apply"].code == 0, results["apply"].log
        assert forge.statuses[-1][1]["state"] == "success"
    assert project.guests() == ["2Gi", "2Gi"]
    assert list(results["apply"].artifacts) == ["report.json", "apply.log"]


def test_gitlab_drift_job_fails_only_if_the_cluster_differs_from_git(project, pipeline):
    nightly = SCHEDULED | {"MEMORY_TASK": "drift"}
    assert pipeline(nightly)["drift"].code == 2
    project.git("revert", "--no-edit", "HEAD")
    drift = pipeline(nightly)["drift"]
    assert drift.code == 0, drift.log


def test_gitlab_pipeline_for_a_feature_branch_or_a_schedule_without_a_task_has_no_jobs(
    pipeline,
):
    assert pipeline(SCHEDULED) == {}
    assert pipeline({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "feature"}) == {}
