"""Tests the GitHub check run that shows a plan, with annotations on the changed lines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.forges.fake_forge import HEAD, TOKEN, FakeGitHub
from support.forges.fault import Fault

from reconciler.app.comment.check_annotations import MAX_ANNOTATIONS, plan_annotations
from reconciler.cli.main import main
from reconciler.errors import ForgeError
from reconciler.forge.check_run import Annotation, AnnotationLevel, CheckRun
from reconciler.forge.forge import State
from reconciler.forge.github_checks import GitHubChecks
from reconciler.forge.post_check import post_check

GOLDEN = Path(__file__).parents[2] / "golden"
CREATE = "POST /repos/team/vms/check-runs"
ADD = "PATCH /repos/team/vms/check-runs/0"
CHECKS = GitHubChecks("team/vms")


def annotations(count: int) -> tuple[Annotation, ...]:
    return tuple(
        Annotation(
            path="vms/db.yaml",
            line=number + 1,
            column=3,
            level=AnnotationLevel.NOTICE,
            title=f"db/pg-{number}: live",
            message="grows",
        )
        for number in range(count)
    )


def run(count: int = 0, state: State = State.SUCCESS) -> CheckRun:
    return CheckRun(
        name="reconciler",
        state=state,
        title="nothing to do",
        summary="text",
        key="key",
        annotations=annotations(count),
    )


def post(github, check: CheckRun) -> bool:
    return post_check(github.client, CHECKS, HEAD, check)


@pytest.mark.parametrize(("count", "n_requests"), [(0, 1), (50, 1), (51, 2), (230, 5)])
def test_check_run_annotations_are_sent_in_groups_of_fifty(github, count, n_requests):
    assert post(github, run(count))
    (shown,) = github.server.checks
    assert len(github.server.requests) == n_requests
    assert [each["start_line"] for each in shown["annotations"]] == list(range(1, count + 1))


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (State.SUCCESS, ("completed", "success")),
        (State.FAILURE, ("completed", "failure")),
        (State.ERROR, ("completed", "failure")),
        (State.PENDING, ("in_progress", None)),
    ],
)
def test_check_run_is_completed_unless_the_result_is_pending(github, state, shown):
    post(github, run(state=state))
    (check,) = github.server.checks
    assert (check["status"], check.get("conclusion"), check["head_sha"]) == (*shown, HEAD)


@pytest.mark.parametrize("executed", [True, False])
def test_check_run_has_each_annotation_exactly_once_after_failed_requests(github, executed):
    github.server.faults = {
        CREATE: [Fault(502, executed=executed)],
        ADD: [Fault(502, executed=executed), Fault(503, executed=executed)],
    }
    assert post(github, run(170))
    (shown,) = github.server.checks
    assert [each["start_line"] for each in shown["annotations"]] == list(range(1, 171))


def test_check_run_request_that_fails_repeatedly_is_an_error(github):
    github.server.faults = {CREATE: [Fault(502)] * 20}
    with pytest.raises(ForgeError, match="502"):
        post(github, run())


def test_check_run_requests_wait_until_the_secondary_rate_limit_ends(github):
    message = {"message": "You have exceeded a secondary rate limit."}
    github.server.faults = {ADD: [Fault(403, body=message)]}
    assert post(github, run(60))
    assert github.clock.seconds >= 60
    assert len(github.server.checks[0]["annotations"]) == 60


def test_check_run_is_skipped_if_the_token_has_no_permission_for_check_runs(github):
    github.server.checks_allowed = False
    assert not post(github, run())


def test_check_run_annotation_strings_are_shortened_to_the_limits_of_github(github):
    (long,) = annotations(1)
    long = replace(long, title="t" * 999, message="ü" * 70_000, details="x" * 70_000)
    assert post(github, replace(run(), annotations=(long,)))
    (shown,) = github.server.checks[0]["annotations"]
    assert set(shown["message"]) == {"ü"}


def plan(**changed) -> dict:
    return json.loads((GOLDEN / "plan.json").read_text(encoding="utf-8")) | changed


def test_check_run_annotations_of_a_plan_start_with_the_most_urgent_change():
    found, left_out = plan_annotations(plan())
    assert left_out == 0
    levels = [each.level for each in found]
    assert levels == sorted(levels, key=list(AnnotationLevel).index)
    (grows,) = (each for each in found if each.title.startswith("db/pg-0: live"))
    assert (grows.path, grows.line, grows.column) == ("vms/db.yaml", 14, 18)
    assert grows.title == "db/pg-0: live, 8Gi to 12Gi"
    assert '"value":"12Gi"' in grows.details
    assert all(each.title.isprintable() and each.message for each in found)


def test_check_run_counts_the_plan_annotations_beyond_the_maximum_number():
    blocked = [each for each in plan()["objects"] if each["effect"] == "blocked"]
    found, left_out = plan_annotations(plan(objects=blocked * 1000, diagnostics=[]))
    assert (len(found), left_out) == (MAX_ANNOTATIONS, len(blocked) * 1000 - MAX_ANNOTATIONS)


@pytest.mark.parametrize("path", ["stdin", "vms/\x1b[31m.yaml", "vms/a\u202eb.yaml"])
def test_check_run_annotations_omit_objects_whose_file_name_github_cannot_show(path):
    at = {"path": path, "line": 1, "column": 1}
    (live,) = (each for each in plan()["objects"] if each["name"] == "pg-0")
    changed = {**live, "at": at, "changes": [{**each, "at": at} for each in live["changes"]]}
    assert plan_annotations(plan(objects=[changed], diagnostics=[])) == ((), 0)


@pytest.fixture
def command(monkeypatch):
    """A function that runs ``reconciler comment`` with a check run against a local server."""
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def post(server, *arguments: str, forge: str = "github") -> int:
        target = ["--forge", forge, "--forge-url", server.url, "--project", "team/vms"]
        plan = str(GOLDEN / "plan-paced.json")
        return main(
            ["comment", plan, *target, "--commit", HEAD, "--status-kind", "check", *arguments]
        )

    return post


def test_comment_command_creates_a_check_run_instead_of_a_commit_status(command, capsys):
    with FakeGitHub() as server:
        assert command(server, "--pull-request", "7") == 0
        (check,) = server.checks
        assert check["output"]["title"].startswith("3 VMs change live")
        assert check["output"]["summary"].startswith("**3 VMs change live")
        assert check["annotations"]
        assert server.statuses == []
    assert "check run with" in capsys.readouterr().err


def test_comment_command_sets_a_commit_status_if_the_token_cannot_create_check_runs(
    command, capsys
):
    with FakeGitHub() as server:
        server.checks_allowed = False
        assert command(server) == 0
        assert len(server.statuses) == 1
    assert "use the token of a GitHub App" in capsys.readouterr().err


def test_comment_command_dry_run_prints_the_api_request_for_the_check_run(command, capsys):
    with FakeGitHub() as server:
        assert command(server, "--dry-run") == 0
        assert server.requests == []
    assert f"POST {server.url}/repos/team/vms/check-runs" in capsys.readouterr().out


@pytest.mark.parametrize("forge", ["gitea", "forgejo", "gitlab"])
def test_check_run_option_is_a_usage_error_for_a_git_host_without_check_runs(
    command, forge, capsys
):
    with FakeGitHub() as server:
        assert command(server, forge=forge) == 64
        assert server.requests == []
    assert f"the Git host {forge} does not support check runs" in capsys.readouterr().err
