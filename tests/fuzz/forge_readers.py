"""Fuzz targets of ``comment``: Git host responses, CI variables, and result files."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuzz.mutation import TEXTS, mutated_bytes, mutated_json, mutated_text
from fuzz.reader import Reader
from fuzz.source_readers import written
from support.builders import NOW
from support.fake_ports import FakeClock

from reconciler.app.comment.ci_job import job_options
from reconciler.app.comment.forge_options import ForgeOptions
from reconciler.app.comment.printed_format import PrintedFormat
from reconciler.app.comment.printed_result import printed_result
from reconciler.app.comment.result_content import ResultOptions, result_content
from reconciler.errors import ForgeError, ReconcilerError, UsageError
from reconciler.forge import github, github_checks, gitlab
from reconciler.forge.answer_codec import decoded
from reconciler.forge.forge_client import ForgeClient
from reconciler.forge.forge_request import ForgeAnswer, ForgeRequest
from reconciler.forge.post_comment import comment_body
from reconciler.forge.result_stamp import ResultKind, ResultStamp, stamp_of

if TYPE_CHECKING:
    from random import Random

GOLDENS = Path(__file__).parent.parent / "golden"
LIMIT = 65_000
_USER = {"login": "bot", "username": "bot"}
_ANSWERS: tuple[tuple[Any, type], ...] = (
    ({"id": 1, "body": "a", "user": _USER}, github._Comment),
    ({"number": 7, "head": {"sha": "a" * 40, "ref": "memory"}}, github._PullRequest),
    ({"id": 1, "body": "a", "author": _USER, "system": True}, gitlab._Note),
    ({"id": 1, "external_id": "a", "output": {"annotations_count": 1}}, github_checks.KnownRun),
    ({"sha": "a" * 40, "iid": 7, "source_branch": "memory"}, gitlab._MergeRequest),
)
_EVENTS = (
    {"pull_request": {"number": 7, "head": {"sha": "a" * 40}}},
    {
        "workflow_run": {
            "event": "pull_request",
            "head_sha": "a" * 40,
            "head_branch": "memory",
            "head_repository": {"owner": {"login": "team"}},
        }
    },
)
_STAMPS = (
    ResultStamp(kind=ResultKind.PLAN, commit="a" * 40, time=NOW).line(),
    ResultStamp(kind=ResultKind.FAILURE).line(),
)
_LIMITS = {
    "retry-after": ("5", "Mon, 01 Jan 2026 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 -2359"),
    "x-ratelimit-reset": ("1767225600",),
    "x-ratelimit-remaining": ("0",),
}
_VARIABLES = {
    "GITLAB_CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITEA_ACTIONS": "true",
    "CI_API_V4_URL": "https://gitlab.example/api/v4",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_PROJECT_ID": "42",
    "CI_COMMIT_SHA": "a" * 40,
    "CI_JOB_URL": "https://gitlab.example/job/1",
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_REPOSITORY": "team/fleet",
    "GITHUB_RUN_ID": "1",
    "GITHUB_SHA": "a" * 40,
}


def _answer(rng: Random) -> tuple[bytes, type]:
    document, kind = rng.choice(_ANSWERS)
    data = mutated_json(rng, document)
    return (mutated_bytes(rng, data) if rng.random() < 0.3 else data), kind


def _variables(rng: Random) -> dict[str, str]:
    chosen = rng.sample(sorted(_VARIABLES), rng.randint(1, len(_VARIABLES)))
    found = {name: _VARIABLES[name] for name in chosen}
    for name in rng.sample(chosen, min(len(chosen), 2)):
        found[name] = rng.choice(
            (rng.choice(TEXTS), mutated_text(rng, (found[name],)), "9" * 5000)
        )
    return found


@cache
def _documents() -> tuple[Any, ...]:
    return tuple(json.loads((GOLDENS / name).read_text()) for name in ("plan.json", "run.json"))


def _read_headers(headers: dict[str, str]) -> None:
    clock = FakeClock()
    with ForgeClient("https://forge.example", token="t", headers={}, clock=clock) as client:
        client._error(
            ForgeRequest(method="GET", path="/"),
            ForgeAnswer(status=429, headers=headers, body=b"{}"),
        )


def _read_result(data: bytes) -> None:
    options = ResultOptions(result=written(data, "result.json"))
    "".join(printed_result(options, PrintedFormat.GITHUB_OUTPUT))
    content = result_content(options, limit=LIMIT, now=NOW, token="")
    comment_body(content.marker, content.stamp, content.text)


READERS = (
    Reader(
        name="answer of a forge", make=_answer, read=lambda it: decoded(*it), errors=(ForgeError,)
    ),
    Reader(
        name="rate limit of a forge",
        make=lambda rng: {
            name: mutated_text(rng, values)
            for name, values in _LIMITS.items()
            if rng.random() < 0.8
        },
        read=_read_headers,
    ),
    Reader(
        name="variables of a CI job",
        make=_variables,
        read=lambda found: ForgeOptions().completed_by(job_options(found)).checked(),
        errors=(UsageError,),
    ),
    Reader(
        name="event of a CI job",
        make=lambda rng: mutated_json(rng, rng.choice(_EVENTS)),
        read=lambda data: job_options(
            {**_VARIABLES, "GITLAB_CI": "", "GITHUB_EVENT_PATH": str(written(data, "event.json"))}
        ),
    ),
    Reader(
        name="stamp of a comment",
        make=lambda rng: mutated_text(rng, _STAMPS),
        read=lambda line: stamp_of(f"marker\n{line}\ntext"),
    ),
    Reader(
        name="result file",
        make=lambda rng: mutated_json(rng, rng.choice(_documents()), at_most=2),
        read=_read_result,
        errors=(ReconcilerError,),
        weight=10,
    ),
)
