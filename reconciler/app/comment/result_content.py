"""``result_content``: renders a plan, a report or a log as a comment and a commit status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import input_files
from reconciler.app.comment.check_annotations import plan_annotations
from reconciler.errors import SourceError, UsageError
from reconciler.forge.check_run import Annotation, CheckRun
from reconciler.forge.forge import CommitStatus, State
from reconciler.forge.post_comment import marker_of
from reconciler.forge.result_stamp import ResultKind, ResultStamp
from reconciler.model.diagnostic import Severity
from reconciler.model.phrases import plural
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.report.comment.headline import failure_headline, plan_headline, run_headline
from reconciler.report.comment.plan_comment import plan_comment
from reconciler.report.comment.run_comment import failure_comment, run_comment
from reconciler.report.comment.since_base import is_added
from reconciler.source.result_file import read_result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.report.comment.headline import Headline

MAX_DESCRIPTION = 140
"""The maximum length of a commit status description on GitHub, in characters."""
_LOG_BYTES = 1024 * 1024
_GREEN = frozenset({ExitCode.DONE, ExitCode.CHANGES, ExitCode.BLOCKED})
_PENDING = frozenset({ExitCode.DEADLINE, ExitCode.LEASE_HELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """The options that select the result files of a finished run, and how the result is shown."""

    result: Path | None = None
    """The plan file or the report file, or None if the run ended before it wrote one."""
    log: Path | None = None
    """The run's log file, which is posted if neither a plan nor a report exists."""
    cluster_name: str | None = None
    link: str = ""
    """The URL of the complete result, or an empty string without a URL."""
    status_name: str | None = None
    """The name of the commit status; None builds a name from ``cluster_name``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The comment and the commit status to post to a Git host."""

    marker: str
    text: str
    status: CommitStatus
    stamp: ResultStamp
    annotations: tuple[Annotation, ...] = ()
    """The messages for lines in Git, which a GitHub check run shows."""
    n_more: int = 0
    """The number of annotations that are omitted."""

    def check_run(self) -> CheckRun:
        """Build a check run with the same content as the comment, and with the annotations."""
        left_out = f"\n{plural(self.n_more, 'annotation')} omitted.\n" if self.n_more else ""
        return CheckRun(
            name=self.status.name,
            state=self.status.state,
            title=self.status.description,
            summary=f"{self.text}{left_out}",
            key=sha256(f"{self.stamp.line()}{self.text}".encode()).hexdigest()[:40],
            link=self.status.link,
            annotations=self.annotations,
        )


def result_content(options: ResultOptions, *, limit: int, now: datetime, token: str) -> Content:
    """Build the comment and the commit status for the result of a run.

    Args:
        options: The files, and how they are shown.
        limit: The maximum size of the comment in bytes of UTF-8.
        now: The current time; a later time in the result is replaced by this time.
        token: The token for the Git host, which is removed from the log before it is posted.

    Raises:
        UsageError: Neither a result nor a log is given, or a log is given without the name of the
            cluster.
        SourceError: The result cannot be read.
    """
    document = result_of(options)
    if document is None:
        return _failure(options, limit, token)
    name, link = options.cluster_name, options.link
    annotations, n_more = plan_annotations(document) if document["kind"] == "Plan" else ((), 0)
    if document["kind"] == "Plan":
        kind, time, cluster = ResultKind.PLAN, document["observedAt"], document["cluster"]
        headline, state = plan_headline(document, name), _plan_state(document)
        text = plan_comment(document, cluster_name=name, link=link, limit=limit)
    else:
        kind, time = ResultKind.REPORT, document["endedAt"]
        cluster = document["plan"]["cluster"]
        headline, state = run_headline(document, name), _run_state(document)
        text = run_comment(document, cluster_name=name, link=link, limit=limit)
    return Content(
        marker=marker_of(name or cluster),
        text=text,
        status=_status(state, headline, options),
        stamp=ResultStamp(kind=kind, time=min(datetime.fromisoformat(time), now)),
        annotations=annotations,
        n_more=n_more,
    )


def result_of(options: ResultOptions) -> Mapping[str, Any] | None:
    """Read the plan or the report; return None if the run ended before it wrote one.

    Raises:
        SourceError: The file cannot be read, is neither a plan nor a report, or was changed.
    """
    if options.result is None or not options.result.exists():
        return None
    return read_result(options.result)


def failed_run(options: ResultOptions) -> tuple[str, str]:
    """Return the log and the cluster name of a run that wrote neither a plan nor a report.

    Raises:
        UsageError: The log or the name is missing.
        SourceError: The log cannot be read.
    """
    if options.log is None:
        raise UsageError(
            "FILE is not set, so the command has no plan or report to post"
            if options.result is None
            else f"the result file {options.result} does not exist",
            hint="set FILE to a plan or a report, or set --log to the log file of the run "
            "to post its error",
        )
    if not options.cluster_name:
        raise UsageError(
            "the log of a failed run does not contain the name of the cluster",
            hint="set --cluster-name",
        )
    return _log_text(options.log), options.cluster_name


def _failure(options: ResultOptions, limit: int, token: str) -> Content:
    log, name = failed_run(options)
    if token:
        log = log.replace(token, "***")
    return Content(
        marker=marker_of(name),
        text=failure_comment(log, cluster_name=name, link=options.link, limit=limit),
        status=_status(State.ERROR, failure_headline(name, log), options),
        stamp=ResultStamp(kind=ResultKind.FAILURE),
    )


def _status(state: State, headline: Headline, options: ResultOptions) -> CommitStatus:
    name = options.cluster_name
    default = f"reconciler ({name})" if name else "reconciler"
    return CommitStatus(
        state=state,
        name=options.status_name or default,
        description=headline.description(MAX_DESCRIPTION),
        link=options.link,
    )


def _plan_state(document: Mapping[str, Any]) -> State:
    """Return the commit status state for a plan: failure if it has errors, otherwise success.

    Errors that are also in the base commit's plan do not count.
    """
    errors = any(
        each["severity"] == Severity.ERROR and is_added(each) for each in document["diagnostics"]
    )
    return State.FAILURE if errors else State.SUCCESS


def _run_state(document: Mapping[str, Any]) -> State:
    """Return the commit status state for a finished run: success, pending or failure.

    The state is success if each guest has the desired memory, or if the remaining
    changes wait for a user.
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
        raise SourceError(f"the log file {path} cannot be read: {error.strerror}") from error
