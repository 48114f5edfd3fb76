"""Tests the command ``reconciler comment`` against local servers that imitate Git hosts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.forges.fake_forge import HEAD, TOKEN, FakeGitHub, Pull
from support.forges.forge_places import KINDS

from reconciler.cli.main import main

GOLDEN = Path(__file__).parents[2] / "golden"
PLAN = str(GOLDEN / "plan-paced.json")
SIZES = {"github": 65_000, "gitlab": 200_000, "gitea": 65_000}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "GITLAB_", "CI_", "GITEA_", "FORGEJO_", "RECONCILER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)
    return monkeypatch


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def server(kind):
    with KINDS[kind][0]() as found:
        yield found


@pytest.fixture
def post(server, kind):
    def run(*arguments: str, pull_request: bool = True) -> int:
        target = ["--forge", kind, "--forge-url", server.url, "--project", "team/vms"]
        number = ["--pull-request", "7"] if pull_request else []
        return main(["comment", *arguments, *target, *number])

    return run


def changed(path: Path, name: str, **fields) -> str:
    document = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | fields), encoding="utf-8")
    return str(path)


def test_comment_command_sends_seven_api_requests_for_a_new_comment_and_six_for_an_edit(
    post, server, tmp_path
):
    assert post(PLAN) == 0
    assert len(server.requests) == 7
    [(commit, status)] = server.statuses
    assert commit == HEAD
    assert status["state"] == "success"
    assert status["description"].startswith("3 VMs change live")
    later = changed(tmp_path / "p.json", "plan-paced.json", observedAt="2026-03-02T10:00:00Z")
    assert post(later) == 0
    assert len(server.requests) == 13
    [text] = server.texts()
    assert text.split("\n")[2].startswith("**3 VMs change live")
    assert "was read at 2026-03-02 10:00:00 UTC" in text


def test_comment_command_sets_a_failed_commit_status_for_a_plan_with_an_error(
    post, server, tmp_path
):
    error = {
        "severity": "error",
        "code": "wrong-type",
        "message": "expected a quantity",
        "at": None,
        "object": None,
        "context": [],
        "hint": "",
    }
    assert post(changed(tmp_path / "p.json", "plan-paced.json", diagnostics=[error])) == 0
    assert server.statuses[-1][1]["state"] in {"failure", "failed"}
    assert "1 error in the desired state" in server.statuses[-1][1]["description"]


def test_run_report_replaces_the_plan_in_the_pull_request_comment(post, server):
    post(PLAN, "--cluster-name", "production")
    assert post(str(GOLDEN / "run.json"), "--cluster-name", "production") == 0
    [text] = server.texts()
    assert "1 approved action went stale: db/pg-3 (exit code 8, stale)" in text
    assert server.statuses[-1][1]["state"] in {"failure", "failed"}


@pytest.mark.parametrize(
    ("code", "counts", "state"),
    [
        (0, {"done": 1}, "success"),
        (0, {"written": 1}, "pending"),
        (4, {"held": 1}, "success"),
        (4, {"held": 1, "running": 1}, "pending"),
        (6, {"running": 1}, "pending"),
        (7, {}, "pending"),
        (8, {"stale": 1}, "failure"),
        (5, {"failed": 1}, "failure"),
        (1, {}, "failure"),
    ],
)
def test_commit_status_of_a_run_follows_the_exit_code_and_the_results_of_the_vms(
    post, server, tmp_path, code, counts, state
):
    ended = {"code": code, "name": "name", "returned": 0, "message": "m"}
    assert post(changed(tmp_path / "r.json", "run.json", exit=ended, counts=counts)) == 0
    assert server.statuses[-1][1]["state"] in {state, {"failure": "failed"}.get(state)}


def test_pull_request_comment_shows_the_log_of_a_run_that_failed_without_a_report(
    post, server, tmp_path
):
    log = tmp_path / "plan.log"
    log.write_text("error: the cluster does not answer\n", encoding="utf-8")
    missing = str(tmp_path / "plan.json")
    assert post(PLAN, "--cluster-name", "production") == 0
    assert post(missing, "--log", str(log), "--cluster-name", "production") == 0
    [text] = server.texts()
    assert "**No plan was made: the cluster does not answer**" in text
    assert "the cluster does not answer" in text
    assert server.statuses[-1][1]["state"] in {"error", "failed"}
    assert post(missing, "--log", str(log)) == 64
    assert post(missing) == 64


def test_commit_without_a_pull_request_gets_a_commit_status_but_no_comment(post, server):
    assert post(PLAN, "--commit", HEAD, pull_request=False) == 0
    assert len(server.requests) == 1
    assert server.comments == []


def test_comment_command_dry_run_prints_api_requests_without_the_token(
    post, server, environment, capsys
):
    assert post(PLAN, "--dry-run") == 0
    with_token = capsys.readouterr().out
    environment.delenv("RECONCILER_FORGE_TOKEN")
    assert post(PLAN, "--dry-run") == 0
    assert capsys.readouterr().out == with_token
    assert TOKEN not in with_token
    assert server.requests == []
    assert with_token.count(f" {server.url}/") == 5
    assert "***" in with_token
    assert "3 VMs change live" in with_token


def test_comment_command_without_a_git_host_token_is_a_usage_error(post, server, environment):
    environment.delenv("RECONCILER_FORGE_TOKEN")
    assert post(PLAN) == 64
    assert server.requests == []


def test_verbose_log_of_the_comment_command_does_not_contain_the_git_host_token(
    post, server, environment, capsys
):
    post(PLAN, "-vv")
    environment.setenv("RECONCILER_FORGE_TOKEN", f"{TOKEN}-revoked")
    assert post(PLAN, "-vv") == 1
    printed = "".join(capsys.readouterr())
    assert "401" in printed
    assert TOKEN not in printed


def test_comment_command_rejects_an_edited_plan_file(post, server, tmp_path):
    assert post(changed(tmp_path / "p.json", "plan-paced.json", cluster="another")) == 1
    assert post(changed(tmp_path / "p.json", "plan-paced.json", invented=1)) == 1
    assert post(changed(tmp_path / "p.json", "plan-paced.json", kind="Pod")) == 1
    assert server.requests == []


def test_pull_request_comment_stays_within_the_size_limit_of_the_git_host(
    post, server, kind, tmp_path
):
    document = json.loads((GOLDEN / "run.json").read_text(encoding="utf-8"))
    outcomes = [{**document["outcomes"][1], "name": f"vm-{number}"} for number in range(5000)]
    assert post(changed(tmp_path / "r.json", "run.json", outcomes=outcomes)) == 0
    [text] = server.texts()
    assert SIZES[kind] // 2 < len(text.encode()) <= SIZES[kind] + 100


def test_late_ci_job_for_an_older_commit_does_not_replace_the_comment_about_a_newer_commit(
    post, server, capsys, tmp_path
):
    newer = "f" * 40
    server.pull.head = newer
    assert post(PLAN, "--commit", newer) == 0
    before = server.texts()
    late = changed(tmp_path / "p.json", "plan-paced.json", observedAt="2026-03-02T10:00:00Z")
    assert post(late, "--commit", HEAD) == 0
    assert server.texts() == before
    assert [commit for commit, _ in server.statuses] == [newer, HEAD]
    assert "not changed, because the pull request has a newer commit" in capsys.readouterr().err


def test_plan_older_than_a_run_report_does_not_replace_the_report_in_the_comment(
    post, server, tmp_path
):
    assert post(str(GOLDEN / "run.json"), "--cluster-name", "production") == 0
    early = changed(tmp_path / "p.json", "plan-paced.json", observedAt="2026-03-02T09:00:00Z")
    assert post(early, "--cluster-name", "production") == 0
    assert "went stale" in server.texts()[0]
    assert len(server.statuses) == 1


def test_comment_command_finds_the_pull_request_by_its_last_commit(post, server):
    server.pulls.append(Pull(9, "a" * 40))
    head = ("--head-commit", HEAD, "--head-branch", "team:memory")
    assert post(PLAN, *head, pull_request=False) == 0
    assert len(server.texts()) == 1
    assert [commit for commit, _ in server.statuses] == [HEAD]


def test_comment_command_posts_nothing_if_the_pull_request_has_a_newer_commit(
    post, server, capsys
):
    server.pull.head = "f" * 40
    assert post(PLAN, "--head-commit", HEAD, pull_request=False) == 1
    assert post(PLAN, "--head-commit", HEAD) == 1
    assert (server.comments, server.statuses) == ([], [])
    assert "no result was posted" in capsys.readouterr().err


@pytest.fixture
def workflow_run(environment, tmp_path):
    """A function that runs ``reconciler comment`` as a GitHub ``workflow_run`` job does."""

    def run(server: FakeGitHub, head: str = HEAD) -> int:
        before = {
            "event": "pull_request",
            "head_sha": head,
            "head_branch": "patch-1",
            "head_repository": {"owner": {"login": "mallory"}},
            "pull_requests": [],
        }
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"workflow_run": before}), encoding="utf-8")
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": server.url,
            "GITHUB_REPOSITORY": "team/vms",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": "d" * 40,
            "GITHUB_EVENT_PATH": str(event),
        }
        for name, value in variables.items():
            environment.setenv(name, value)
        return main(["comment", PLAN])

    return run


def test_github_workflow_run_job_comments_on_the_pull_request_of_a_fork(workflow_run):
    with FakeGitHub() as server:
        server.pulls = [Pull(7, HEAD, owner="mallory", branch="patch-1"), Pull(8, HEAD)]
        assert workflow_run(server) == 0
        assert len(server.texts()) == 1
        assert [commit for commit, _ in server.statuses] == [HEAD]
        assert server.requests[0].query["head"] == "mallory:patch-1"


def test_github_workflow_run_job_posts_no_comment_after_a_newer_push_to_the_fork(
    workflow_run, capsys
):
    with FakeGitHub() as server:
        server.pulls = [Pull(7, "e" * 40, owner="mallory", branch="patch-1")]
        assert workflow_run(server) == 1
        assert (server.comments, server.statuses) == ([], [])
    assert f"the last commit of pull request 7 is now {'e' * 40}" in capsys.readouterr().err
