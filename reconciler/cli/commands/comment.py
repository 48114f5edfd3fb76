"""``reconciler comment``: posts a plan or a report to a pull request."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from reconciler.app.comment.forge_options import ForgeKind, ForgeOptions, StatusKind
from reconciler.app.comment.printed_format import PrintedFormat
from reconciler.app.wiring import clock_wiring
from reconciler.cli.option_values import option
from reconciler.cli.terminal import screen
from reconciler.model.run.outcome import ExitCode

log = logging.getLogger(__name__)

ResultFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="Plan that `plan --out` wrote, or report that `apply --report` wrote.",
    ),
]
LogFile = Annotated[
    Path | None,
    option(
        "--log",
        "Log file of the run. The command posts this log if FILE does not exist.",
        metavar="FILE",
        variable=False,
    ),
]
ClusterName = Annotated[
    str | None,
    option(
        "--cluster-name",
        "Cluster name to show in the comment. Each cluster name has its own comment. Default: "
        "the cluster's UID.",
        metavar="NAME",
    ),
]
Kind = Annotated[
    ForgeKind | None, option("--forge", "Kind of Git host. Default: the Git host of the CI job.")
]
ForgeUrl = Annotated[
    str | None,
    option(
        "--forge-url",
        "URL of the Git host's API, for example https://git.example.com/api/v1. Default: the "
        "API URL that the CI job sets, or the public server.",
        metavar="URL",
    ),
]
ForgeCa = Annotated[
    Path | None,
    option(
        "--forge-ca",
        "File with the CA certificates for the Git host. Default: the file that a GitLab job "
        "sets, or the CA certificates of the system.",
        metavar="FILE",
    ),
]
Project = Annotated[
    str | None,
    option(
        "--project",
        "Project (repository) on the Git host. Default: the project of the CI job.",
        metavar="OWNER/NAME",
    ),
]
PullRequest = Annotated[
    int | None,
    option(
        "--pull-request",
        "Number of the pull request or merge request. Default: the pull request of the CI job.",
        metavar="NUMBER",
        min=1,
    ),
]
Commit = Annotated[
    str | None,
    option(
        "--commit",
        "Commit whose status is set. Default: the last commit of the pull request.",
        metavar="HASH",
    ),
]
HeadCommit = Annotated[
    str | None,
    option(
        "--head-commit",
        "Last commit of the pull request. Without --pull-request, this option selects the open "
        "pull request that ends with this commit. With --pull-request, a different last commit "
        "is an error. Default: the commit of the workflow run that triggered the CI job.",
        metavar="HASH",
    ),
]
HeadBranch = Annotated[
    str | None,
    option(
        "--head-branch",
        "Source branch of the pull request. This option selects the pull request together with "
        "--head-commit. Default: the branch of the workflow run that triggered the CI job.",
        metavar="OWNER:BRANCH",
    ),
]
Link = Annotated[
    str | None,
    option(
        "--link",
        "URL of the complete result. Default: the URL of the CI job.",
        metavar="URL",
    ),
]
Status = Annotated[
    StatusKind,
    option(
        "--status-kind",
        "How to show the result at the commit: as a commit status or, on GitHub, as a check "
        "run with annotations.",
    ),
]
StatusName = Annotated[
    str | None,
    option(
        "--status-name",
        "Name of the commit status. Default: reconciler (NAME), where NAME is the cluster name.",
        metavar="NAME",
    ),
]
Output = Annotated[
    PrintedFormat | None,
    option(
        "-o --output",
        "Print the comment as Markdown, or its counts as outputs of a GitHub Actions step. "
        "Send nothing to the Git host.",
        variable=False,
    ),
]
DryRun = Annotated[
    bool,
    option(
        "--dry-run",
        "Print the requests to the Git host without the token. Send nothing.",
        variable=False,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """The options that select the Git host and the pull request for a comment."""

    forge: Kind = None
    forge_url: ForgeUrl = None
    forge_ca: ForgeCa = None
    project: Project = None
    pull_request: PullRequest = None
    head_commit: HeadCommit = None
    head_branch: HeadBranch = None
    commit: Commit = None
    link: Link = None
    status_kind: Status = StatusKind.STATUS
    status_name: StatusName = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """The options of the command ``reconciler comment``."""

    result: ResultFile = None
    log_file: LogFile = None
    cluster_name: ClusterName = None
    target: TargetOptions = field(default_factory=TargetOptions)
    output: Output = None
    dry_run: DryRun = False


def command(options: CommandOptions) -> ExitCode:
    """Post a plan or a report to a pull request: one comment, and a commit status.

    Set the environment variable RECONCILER_FORGE_TOKEN to an access token for the Git host.
    """
    from reconciler.app.comment.post_result import CommentOptions, post_result, requests_of
    from reconciler.app.comment.result_content import ResultOptions

    target = options.target
    wanted = CommentOptions(
        result=ResultOptions(
            result=options.result,
            log=options.log_file,
            cluster_name=options.cluster_name,
            link=target.link or "",
            status_name=target.status_name,
        ),
        forge=ForgeOptions(
            forge=target.forge,
            forge_url=target.forge_url,
            project=target.project,
            pull_request=target.pull_request,
            commit=target.commit,
            head_commit=target.head_commit,
            head_branch=target.head_branch,
            ca=target.forge_ca,
            status_kind=target.status_kind,
            link=target.link,
        ),
    )
    if options.output is not None:
        from reconciler.app.comment.printed_result import printed_result

        screen.stream(printed_result(wanted.result, options.output))
        return ExitCode.DONE
    clock = clock_wiring.real_clock()
    if options.dry_run:
        screen.result("\n".join(requests_of(wanted, os.environ, clock)))
        return ExitCode.DONE
    for done in post_result(wanted, os.environ, clock):
        log.info("%s", done)
    return ExitCode.DONE
