"""Tests that a CI job's variables select the Git host, but never override an option."""

from __future__ import annotations

import pytest

from reconciler.app.comment.ci_job import job_options
from reconciler.app.comment.forge_options import ForgeKind, ForgeOptions
from reconciler.errors import UsageError

ACTIONS = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_REPOSITORY": "team/vms",
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_RUN_ID": "17",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
    "CI_PROJECT_ID": "42",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_COMMIT_SHA": "b" * 40,
    "CI_JOB_URL": "https://gitlab.example.com/team/vms/-/jobs/1",
}


def completed(environ) -> ForgeOptions:
    return ForgeOptions().completed_by(job_options(environ))


def test_github_actions_variables_select_the_pull_request_for_the_result():
    assert completed(ACTIONS) == ForgeOptions(
        forge=ForgeKind.GITHUB,
        forge_url="https://api.github.com",
        project="team/vms",
        pull_request=7,
        link="https://github.com/team/vms/actions/runs/17#artifacts",
    )


@pytest.mark.parametrize("variable", ["GITEA_ACTIONS", "FORGEJO_ACTIONS"])
def test_gitea_and_forgejo_jobs_are_not_mistaken_for_github_jobs(variable):
    found = completed({**ACTIONS, variable: "true"})
    assert found.forge is ForgeKind.GITEA
    assert found.link == "https://github.com/team/vms/actions/runs/17"


def test_gitlab_ci_variables_select_the_merge_request_for_the_result():
    found = completed(GITLAB)
    assert (found.forge, found.project, found.pull_request) == (ForgeKind.GITLAB, "42", 7)
    assert found.link == "https://gitlab.example.com/team/vms/-/jobs/1"


def test_gitlab_job_of_a_merge_request_from_a_fork_selects_the_target_project():
    found = completed({**GITLAB, "CI_MERGE_REQUEST_PROJECT_ID": "41"})
    assert found.project == "41"


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/pull/7x/merge", "refs/pull/0/merge", ""])
def test_ci_job_without_a_pull_request_selects_the_commit_of_the_job(ref):
    found = completed({**ACTIONS, "GITHUB_REF": ref})
    assert (found.pull_request, found.commit) == (None, "a" * 40)


def test_commit_status_is_not_set_on_the_merge_commit_of_a_pull_request():
    assert completed(ACTIONS).commit is None


def test_git_host_options_override_the_ci_variables():
    given = ForgeOptions(project="other/vms", pull_request=9, link="https://x.example/")
    found = given.completed_by(job_options(ACTIONS))
    assert (found.project, found.pull_request, found.link) == ("other/vms", 9, given.link)


def test_github_job_variables_are_ignored_if_the_user_selects_gitlab():
    found = ForgeOptions(forge=ForgeKind.GITLAB).completed_by(job_options(ACTIONS))
    assert found == ForgeOptions(forge=ForgeKind.GITLAB)


@pytest.mark.parametrize(
    "wrong",
    [
        {"forge": None},
        {"project": None},
        {"pull_request": None},
        {"commit": "abc"},
        {"commit": "../../user"},
        {"link": "javascript:alert(1)"},
        {"link": "https://x.example/>) [a](b"},
    ],
)
def test_command_line_with_a_missing_or_malformed_git_host_option_is_rejected(wrong):
    good = {"forge": ForgeKind.GITHUB, "project": "team/vms", "pull_request": 7}
    assert ForgeOptions(**good).checked()
    with pytest.raises(UsageError):
        ForgeOptions(**good | wrong).checked()
