"""``post_result``: posts a plan or a report to a Git host, as a comment and a commit status."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.app.comment.ci_job import job_options
from reconciler.app.comment.forge_options import TOKEN_VARIABLE, ForgeOptions, StatusKind
from reconciler.app.comment.forges import forge_of
from reconciler.app.comment.result_content import Content, ResultOptions, result_content
from reconciler.errors import UsageError
from reconciler.forge.find_pull_request import find_pull_request, require_head
from reconciler.forge.forge import Forge
from reconciler.forge.forge_client import ForgeClient
from reconciler.forge.forge_request import ForgeRequest, request_text
from reconciler.forge.github_checks import ANNOTATIONS_EACH, GitHubChecks
from reconciler.forge.post_check import post_check
from reconciler.forge.post_comment import comment_body, head_commit, post_comment, post_status
from reconciler.forge.result_stamp import Outdated, ResultKind
from reconciler.model.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOptions:
    """The options that select a result, and the place at which to post it as a comment."""

    result: ResultOptions = field(default_factory=ResultOptions)
    forge: ForgeOptions = field(default_factory=ForgeOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The project, and the pull request or commit, to which a result is posted."""

    where: ForgeOptions
    forge: Forge
    base_url: str


def post_result(
    options: CommentOptions, environ: Mapping[str, str], clock: Clock
) -> Iterator[str]:
    """Post the comment and the commit status, and yield a sentence about each request.

    Raises:
        UsageError: An option is missing or malformed.
        SourceError: The result cannot be read.
        ForgeError: The Git host does not accept the comment or the status, or the pull request is
            not found.
    """
    target = _target(options, environ)
    where, forge = target.where, target.forge
    token = environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise UsageError(
            f"the environment variable {TOKEN_VARIABLE} is not set",
            hint="set it to an access token that can write comments and commit statuses",
        )
    content = _content(options, target, environ, clock)
    with ForgeClient(
        target.base_url, token=token, headers=forge.headers(token), clock=clock, ca=where.ca
    ) as client:
        number = _number(client, forge, where)
        commit = where.commit or where.head_commit or head_commit(client, forge, number or 0)
        if number is not None:
            stamp = content.stamp
            if stamp.kind is not ResultKind.REPORT:
                stamp = replace(stamp, commit=commit)
            done = post_comment(
                client, forge, number, marker=content.marker, stamp=stamp, text=content.text
            )
            yield f"comment on pull request {number} of {where.project}: {done}"
            if done is Outdated.RESULT:
                return
        yield from _shown_at_commit(client, target, commit, content)


def _shown_at_commit(
    client: ForgeClient, target: _Target, commit: str, content: Content
) -> Iterator[str]:
    """Create a check run or set a commit status, and yield a sentence about the result."""
    where, status = target.where, content.status
    result = f"for commit {commit[:12]}: {status.state}, {status.description}"
    if where.status_kind is StatusKind.CHECK:
        run = content.check_run()
        if post_check(client, GitHubChecks(where.project or ""), commit, run):
            yield f"check run with {plural(len(run.annotations), 'annotation')} {result}"
            return
        yield (
            "the token cannot write check runs, so a commit status is set instead; to write "
            "check runs, use the token of a GitHub App or of a GitHub Actions job with the "
            "permission `checks: write`"
        )
    post_status(client, target.forge, commit, status)
    yield f"status {result}"


def requests_of(
    options: CommentOptions, environ: Mapping[str, str], clock: Clock
) -> Iterator[str]:
    """Yield, as strings, the requests that would post the first comment; send no request.

    Raises:
        UsageError: An option is missing or malformed.
        SourceError: The result cannot be read.
    """
    target = _target(options, environ)
    where, forge = target.where, target.forge
    content = _content(options, target, environ, clock)
    requests: list[ForgeRequest] = []
    number, commit = where.pull_request, where.commit or where.head_commit
    if number is None and where.head_commit is not None:
        requests.append(forge.open_pull_requests(where.head_branch))
    if number is not None or where.head_commit is not None:
        shown = number or 0
        text = comment_body(content.marker, replace(content.stamp, commit=commit), content.text)
        requests += [
            forge.user(),
            forge.comments(shown),
            forge.pull_request(shown),
            forge.create_comment(shown, text),
        ]
    at = commit or "HEAD-COMMIT"
    if where.status_kind is StatusKind.CHECK:
        checks, run = GitHubChecks(where.project or ""), content.check_run()
        requests.append(checks.create(at, run))
        for start in range(ANNOTATIONS_EACH, len(run.annotations), ANNOTATIONS_EACH):
            requests.append(checks.add_annotations(0, run, start))
    else:
        requests.append(forge.set_status(at, content.status))
    headers = forge.headers("***")
    yield from (request_text(each, target.base_url, headers) for each in requests)


def _target(options: CommentOptions, environ: Mapping[str, str]) -> _Target:
    where = options.forge.completed_by(job_options(environ)).checked()
    forge, base_url = forge_of(where)
    return _Target(where=where, forge=forge, base_url=base_url)


def _content(
    options: CommentOptions, target: _Target, environ: Mapping[str, str], clock: Clock
) -> Content:
    return result_content(
        replace(options.result, link=target.where.link or ""),
        limit=target.forge.max_comment,
        now=clock.now(),
        token=environ.get(TOKEN_VARIABLE, ""),
    )


def _number(client: ForgeClient, forge: Forge, where: ForgeOptions) -> int | None:
    """Return the pull request number from the options, or find it by the commit in the options."""
    number, commit = where.pull_request, where.head_commit
    if number is None and commit is not None:
        return find_pull_request(client, forge, commit, where.head_branch)
    if number is not None and commit is not None:
        require_head(client, forge, number, commit)
    return number
