"""``comment`` treats result files of a pull request as data, even if its author forged them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from golden.hostile_text import HOSTILE, PARSER
from support.forges.fake_forge import HEAD, TOKEN, FakeGitHub
from support.trust.hostile_pull_request import CANARY

from reconciler.cli.main import main
from reconciler.forge.post_comment import marker_of

PLAN = Path(__file__).parents[1] / "golden/plan-paced.json"
LINK = "https://github.example/team/vms/actions/runs/5#artifacts"
REQUESTS = {
    "GET /user",
    "GET /repos/team/vms/pulls/7",
    "GET /repos/team/vms/issues/7/comments",
    "POST /repos/team/vms/issues/7/comments",
    "PATCH /repos/team/vms/issues/comments/101",
    f"POST /repos/team/vms/statuses/{HEAD}",
}
"""All API requests that the job is allowed to send; they concern its own pull request, 7."""
FORGED_KEYS = ("link", "url", "pullRequest", "forge", "forgeUrl", "project", "commit", "token")


@pytest.fixture
def server():
    with FakeGitHub() as found:
        yield found


@pytest.fixture
def variables(server):
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": server.url,
        "GITHUB_REPOSITORY": "team/vms",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_RUN_ID": "5",
        "RECONCILER_FORGE_TOKEN": TOKEN,
    }


@pytest.fixture
def comment(variables, monkeypatch):
    """Returns a function that runs ``reconciler comment`` as a step of the CI job."""
    for name in os.environ:
        if name.startswith(("GITHUB_", "GITLAB_", "CI_", "RECONCILER_")):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: main(["comment", *map(str, arguments)])


def forged(path: Path, **fields: object) -> Path:
    """Write a forged plan with correct digests, which an attacker can also compute."""
    path.write_text(json.dumps(json.loads(PLAN.read_text(encoding="utf-8")) | fields))
    return path


def error(text: str) -> dict[str, object]:
    where = {"path": f"{text}.yaml", "line": 1, "column": 1}
    found = {"severity": "error", "code": "wrong-type", "message": text, "at": where}
    return {**found, "object": None, "context": [text], "hint": text}


def hostile_errors() -> list[dict[str, object]]:
    own = f"{marker_of('staging')} {CANARY} see {LINK}9 and https://evil.example/a"
    texts = (each for name, each in HOSTILE.items() if name != "unpaired surrogate")  # not JSON
    return [error(text) for text in (own, f"\n{own}\n", *texts)]


def test_forged_plan_cannot_change_the_git_host_or_pull_request_that_receives_the_comment(
    comment, server, tmp_path
):
    plan = forged(tmp_path / "plan.json", diagnostics=hostile_errors())
    assert comment(plan) == 0
    assert comment(plan) == 0
    assert set(server.lines) <= REQUESTS
    assert len(server.texts()) == 1


@pytest.mark.parametrize("key", FORGED_KEYS)
def test_forged_plan_with_an_unknown_key_is_rejected(key, comment, server, tmp_path, capsys):
    assert comment(forged(tmp_path / "plan.json", **{key: "https://evil.example"})) == 1
    assert server.requests == []
    assert "evil.example" not in "".join(capsys.readouterr())


def links(comment: str) -> set[str]:
    """Return the URLs of all links, and URLs in plain text, which a Git host also links."""
    inline = [each for token in PARSER.parse(comment) for each in token.children or ()]
    found = {str(each.attrs["href"]) for each in inline if each.type == "link_open"}
    in_code = False
    for each in inline:
        in_code = each.content == "<code>" or (in_code and each.content != "</code>")
        if each.type == "text" and not in_code:
            found |= set(re.findall(r"\w+://\S*|www\.\S*", each.content))
    return found


def test_forged_plan_adds_no_link_to_the_pull_request_comment(comment, server, tmp_path):
    assert comment(forged(tmp_path / "plan.json", diagnostics=hostile_errors())) == 0
    (text,) = server.texts()
    assert links(text) == {LINK}
    assert [status["target_url"] for _, status in server.statuses] == [LINK]


def test_forged_comment_marker_does_not_change_the_comment_for_a_different_cluster(
    comment, server, tmp_path
):
    plan = json.loads(PLAN.read_text(encoding="utf-8"))
    other = f"{marker_of('staging')}\nthe plan of staging"
    server.add(server.user, other)
    server.add(server.user, f"{marker_of(plan['cluster'])}\nthe plan of a job without a name")
    before = server.texts()
    forged_plan = forged(tmp_path / "plan.json", diagnostics=hostile_errors())
    assert comment(forged_plan, "--cluster-name", "production") == 0
    *others, own = server.texts()
    assert others == before
    assert own.startswith(marker_of("production") + "\n")
    assert own.count("<!-- reconciler-comment") == 1


def link(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def environment(path: Path, _secret: Path) -> None:
    path.symlink_to("/proc/self/environ")


def pipe(path: Path, _secret: Path) -> None:
    os.mkfifo(path)


def device(path: Path, _secret: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["plan.json", "plan.log"])
@pytest.mark.parametrize("made", [link, environment, pipe, device], ids=lambda each: each.__name__)
def test_result_file_that_is_a_link_or_a_special_file_is_not_read(
    made, name, comment, server, tmp_path, capsys
):
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    made(tmp_path / name, secret)
    log = ("--log", tmp_path / "plan.log", "--cluster-name", "production")
    assert comment(tmp_path / "plan.json", *log) == 1
    printed = "".join(capsys.readouterr())
    assert server.requests == []
    assert [each for each in (CANARY, TOKEN) if each in printed] == []


def test_git_host_token_in_the_log_of_a_failed_run_is_not_posted(
    comment, server, tmp_path, capsys
):
    log = tmp_path / "plan.log"
    log.write_text(f"error: {TOKEN} is printed by another program\n")
    assert comment("--log", log, "--cluster-name", "production") == 0
    (text,) = server.texts()
    assert "is printed by another program" in text
    assert TOKEN not in text + "".join(capsys.readouterr())


def test_comment_command_connects_only_to_the_git_host_and_starts_no_program(
    job, server, variables, tmp_path
):
    plan = forged(tmp_path / "plan.json", diagnostics=hostile_errors())
    ended = job.run("comment", plan, name="audit-comment", **variables)
    port = server.url.rpartition(":")[2]
    assert ended.code == 0, ended.err
    assert ended.contacted == {"127.0.0.1", f"('127.0.0.1', {port})"}
    assert (ended.programs, ended.changed) == ([], set())
    assert CANARY in server.texts()[0], "the text of the plan is in the comment"
    assert not [each for each in ended.opened if str(job.request.folder.parent) in each]
