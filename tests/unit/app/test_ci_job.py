"""Tests which commit and pull request get the result of a CI job, according to its event."""

from __future__ import annotations

import json

import pytest

from reconciler.app.comment.ci_job import job_options
from reconciler.app.comment.forge_options import ForgeOptions

HEAD, MERGE = "a" * 40, "b" * 40
JOB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "team/vms",
    "GITHUB_SHA": MERGE,
    "GITHUB_REF": "refs/pull/7/merge",
}
RUN = {
    "event": "pull_request",
    "head_sha": HEAD,
    "head_branch": "patch-1",
    "head_repository": {"owner": {"login": "mallory"}},
    "pull_requests": [],
}


@pytest.fixture
def job(tmp_path):
    """Return a function that writes an event file and returns the CI job's options."""

    def options(event, **variables) -> ForgeOptions:
        path = tmp_path / "event.json"
        path.write_text(event if isinstance(event, str) else json.dumps(event), encoding="utf-8")
        found = job_options({**JOB, "GITHUB_EVENT_PATH": str(path), **variables})
        return ForgeOptions().completed_by(found)

    return options


def test_result_of_a_pull_request_job_is_assigned_to_the_last_commit_instead_of_the_merge_commit(
    job,
):
    found = job({"pull_request": {"number": 7, "head": {"sha": HEAD}}})
    assert (found.pull_request, found.commit, found.head_commit) == (7, HEAD, None)


def test_commit_from_the_ci_event_of_a_different_pull_request_is_not_used(job):
    assert job({"pull_request": {"number": 8, "head": {"sha": HEAD}}}).commit is None


def test_workflow_run_job_finds_the_pull_request_of_a_fork_by_commit_and_branch(job):
    found = job({"workflow_run": RUN}, GITHUB_REF="refs/heads/main")
    assert found.pull_request is None
    assert (found.commit, found.head_commit, found.head_branch) == (HEAD, HEAD, "mallory:patch-1")


def test_workflow_run_job_after_a_push_selects_the_pushed_commit_and_no_pull_request(job):
    found = job({"workflow_run": {**RUN, "event": "push"}}, GITHUB_REF="refs/heads/main")
    assert (found.commit, found.head_commit) == (HEAD, None)


def test_workflow_run_job_finds_the_pull_request_of_a_deleted_fork_by_commit_only(job):
    event = {"workflow_run": {**RUN, "head_repository": None}}
    found = job(event, GITHUB_REF="refs/heads/main")
    assert (found.head_commit, found.head_branch) == (HEAD, None)


@pytest.mark.parametrize("event", ["", "[]", "{", '{"pull_request": 1}', "[" * 100_000])
def test_ci_job_with_an_unreadable_event_file_selects_no_commit(job, event):
    assert job(event).commit is None


def test_ci_job_without_an_event_file_selects_no_commit():
    assert job_options({**JOB, "GITHUB_EVENT_PATH": "/nonexistent/event.json"}).commit is None


def test_result_of_a_gitlab_merged_results_pipeline_is_assigned_to_the_last_commit_of_the_branch():
    variables = {"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_SHA": MERGE}
    assert job_options(variables).commit == MERGE
    merged = job_options({**variables, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD})
    assert merged.commit == HEAD


def test_commit_of_a_ci_job_is_not_used_for_a_different_pull_request():
    job = job_options({**JOB, "GITHUB_REF": "refs/heads/main"})
    assert ForgeOptions(pull_request=9).completed_by(job).commit is None
