"""``printed_result``: renders a plan or a report for a CI job, without a Git host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.comment.printed_format import PrintedFormat
from reconciler.app.comment.result_content import failed_run, result_of
from reconciler.report.comment.github_outputs import github_outputs
from reconciler.report.comment.plan_comment import plan_comment
from reconciler.report.comment.run_comment import failure_comment, run_comment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.app.comment.result_content import ResultOptions

MAX_SUMMARY = 1_000_000
"""The maximum size of the printed Markdown in bytes; GitHub keeps 1 MiB of a step's summary."""


def printed_result(options: ResultOptions, output: PrintedFormat) -> Iterable[str]:
    """Render the plan, the report or the log of a run in the given output format.

    For a run with neither a plan nor a report, the Markdown contains the log, and the
    GitHub output is empty.

    Raises:
        UsageError: Neither a result nor a log is given, or the cluster's name is missing.
        SourceError: The result or the log cannot be read.
    """
    link, limit = options.link, MAX_SUMMARY
    document = result_of(options)
    if document is None:
        log, name = failed_run(options)
        text = failure_comment(log, cluster_name=name, link=link, limit=limit)
        return (text,) if output is PrintedFormat.MARKDOWN else ()
    if output is PrintedFormat.GITHUB_OUTPUT:
        return github_outputs(document)
    render = plan_comment if document["kind"] == "Plan" else run_comment
    return (render(document, cluster_name=options.cluster_name, link=link, limit=limit),)
