"""``post_result``: posts a plan or a report as a comment and a commit status."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import input_files
from reconciler.app.comment.forge_options import TOKEN_VARIABLE, ForgeKind, ForgeOptions
from reconciler.errors import SourceError, UsageError
from reconciler.forge.forge import CommitStatus, State
from reconciler.forge.forge_client import ForgeClient, checked_base_url
from reconciler.forge.forge_request import ForgeRequest, request_text
from reconciler.forge.github import Gitea, GitHub
from reconciler.forge.gitlab import GitLab
from reconciler.forge.post_comment import head_commit, marker_of, post_comment, post_status
from reconciler.model.diagnostic import Severity
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.report.comment.headline import failure_headline, plan_headline, run_headline
from reconciler.report.comment.plan_comment import plan_comment
from reconciler.report.comment.run_comment import failure_comment, run_comment
from reconciler.report.comment.since_base import is_added
from reconciler.source.result_file import read_result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.forge.forge import Forge
    from reconciler.ports import Clock
    from reconciler.report.comment.headline import Headline

MAX_DESCRIPTION = 140
"""The maximum number of characters of a commit status's description on GitHub."""
_LOG_BYTES = 1024 * 1024
_FORGES: Mapping[ForgeKind, type[GitHub | GitLab]] = {
    ForgeKind.GITHUB: GitHub,
    ForgeKind.GITLAB: GitLab,
    ForgeKind.GITEA: Gitea,
    ForgeKind.FORGEJO: Gitea,
}
_GREEN = frozenset({ExitCode.DONE, ExitCode.CHANGES, ExitCode.BLOCKED})
_PENDING = frozenset({ExitCode.DEADLINE, ExitCode.LEASE_HELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOptions:
    """The options that select what is posted in a comment, and where."""

    result: Path | None = None
    """The plan file or the report; None if the run ended before it wrote one."""
    log: Path | None = None
    """The run's log, which is posted if there is no ``result``."""
    cluster_name: str | None = None
    forge: ForgeOptions = field(default_factory=ForgeOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Post:
    """The comment and the commit status to post, as one forge accepts them."""

    marker: str
    text: str
    status: CommitStatus


def post_result(
    options: CommentOptions, environ: Mapping[str, str], clock: Clock
) -> Iterator[str]:
    """Post the comment and the status; yield a sentence after each.

    Raises:
        UsageError: An option is missing or malformed.
        SourceError: The result cannot be read.
        ForgeError: The forge does not accept the comment or the status.
    """
    where, forge, base_url = _target(options, environ)
    token = environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise UsageError(
            f"{TOKEN_VARIABLE} is not set",
            hint="set it to a token that may write comments and commit statuses",
        )
    post = _post(options, where, forge, token)
    with ForgeClient(base_url, token=token, headers=forge.headers(token), clock=clock) as client:
        number = where.pull_request
        if number is not None:
            done = post_comment(client, forge, number, marker=post.marker, text=post.text)
            yield f"comment on pull request {number} of {where.project}: {done}"
        commit = where.commit or head_commit(client, forge, number or 0)
        post_status(client, forge, commit, post.status)
        yield f"status of commit {commit[:12]}: {post.status.state}, {post.status.description}"


def requests_of(options: CommentOptions, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the requests for the first comment on a pull request as text; send nothing.

    Raises:
        UsageError: An option is missing or malformed.
        SourceError: The result cannot be read.
    """
    where, forge, base_url = _target(options, environ)
    post = _post(options, where, forge, environ.get(TOKEN_VARIABLE, ""))
    requests: list[ForgeRequest] = []
    if (number := where.pull_request) is not None:
        text = f"{post.marker}\n{post.text}"
        requests += [forge.user(), forge.comments(number), forge.create_comment(number, text)]
        if where.commit is None:
            requests.append(forge.pull_request(number))
    requests.append(forge.set_status(where.commit or "HEAD-COMMIT", post.status))
    headers = forge.headers("***")
    yield from (request_text(each, base_url, headers) for each in requests)


def _target(
    options: CommentOptions, environ: Mapping[str, str]
) -> tuple[ForgeOptions, Forge, str]:
    where = options.forge.completed(environ).checked()
    kind, project = where.forge or ForgeKind.GITHUB, where.project or ""
    forge = _FORGES[kind](project)
    base_url = where.forge_url or forge.default_base_url
    if not base_url:
        raise UsageError(
            "the address of the forge is missing",
            hint="set --forge-url, for example to https://git.example.com/api/v1",
        )
    return where, forge, checked_base_url(base_url)


def _post(options: CommentOptions, where: ForgeOptions, forge: Forge, token: str) -> _Post:
    name, link, limit = options.cluster_name, where.link or "", forge.max_comment
    document = result_of(options)
    if document is not None:
        if document["kind"] == "Plan":
            headline, state = plan_headline(document, name), _plan_state(document)
            text = plan_comment(document, cluster_name=name, link=link, limit=limit)
            key = name or document["cluster"]
        else:
            headline, state = run_headline(document, name), _run_state(document)
            text = run_comment(document, cluster_name=name, link=link, limit=limit)
            key = name or document["plan"]["cluster"]
        return _Post(
            marker=marker_of(key), text=text, status=_status(state, headline, where, name or "")
        )
    log, name = failed_run(options)
    if token:
        log = log.replace(token, "***")
    return _Post(
        marker=marker_of(name),
        text=failure_comment(log, cluster_name=name, link=link, limit=limit),
        status=_status(State.ERROR, failure_headline(name, log), where, name),
    )


def result_of(options: CommentOptions) -> Mapping[str, Any] | None:
    """Return the plan or the report; None if the run ended before it wrote one.

    Raises:
        SourceError: The file cannot be read, is neither a plan nor a report, or was changed.
    """
    if options.result is None or not options.result.exists():
        return None
    return read_result(options.result)


def failed_run(options: CommentOptions) -> tuple[str, str]:
    """Return the log of a run without a result, and the name of its cluster.

    Raises:
        UsageError: The log or the name is missing.
        SourceError: The log cannot be read.
    """
    if options.log is None:
        raise UsageError(
            "there is no plan and no report to post"
            if options.result is None
            else f"{options.result} does not exist",
            hint="set --log to a file with the log of the run, to post its error",
        )
    if not options.cluster_name:
        raise UsageError(
            "the log of a failed run does not contain the name of the cluster",
            hint="set --cluster-name",
        )
    return _log_text(options.log), options.cluster_name


def _status(state: State, headline: Headline, where: ForgeOptions, name: str) -> CommitStatus:
    default = f"reconciler ({name})" if name else "reconciler"
    return CommitStatus(
        state=state,
        name=where.status_name or default,
        description=headline.description(MAX_DESCRIPTION),
        link=where.link or "",
    )


def _plan_state(document: Mapping[str, Any]) -> State:
    """Return the state failure for a plan with errors, and success for every other plan.

    Errors that the base has as well do not count.
    """
    errors = any(
        each["severity"] == Severity.ERROR and is_added(each) for each in document["diagnostics"]
    )
    return State.FAILURE if errors else State.SUCCESS


def _run_state(document: Mapping[str, Any]) -> State:
    """Return the state of the commit status for a finished run: success, pending or failure.

    It is success only if each guest has its memory, or a person must act in the cluster.
    """
    code, counts = ExitCode(document["exit"]["code"]), document["counts"]
    if code in _PENDING or (code in _GREEN and _unfinished(counts)):
        return State.PENDING
    return State.SUCCESS if code in _GREEN else State.FAILURE


def _unfinished(counts: Mapping[str, int]) -> bool:
    return any(counts.get(each) for each in (Result.WRITTEN, Result.RUNNING))


def _log_text(path: Path) -> str:
    try:
        return input_files.read_unlinked(path, _LOG_BYTES).decode(errors="replace")
    except OSError as error:
        raise SourceError(f"the log {path} cannot be read: {error.strerror}") from error
