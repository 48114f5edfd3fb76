"""``job_options``: finds out where to post a result, from the variables and event of a CI job."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.comment.forge_options import ForgeKind, ForgeOptions
from reconciler.forge.ci_event import read_event

if TYPE_CHECKING:
    from collections.abc import Mapping

_MERGE_REF = re.compile(r"refs/pull/([1-9]\d{0,9})/(?:merge|head)", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,9}", re.ASCII)


def job_options(environ: Mapping[str, str]) -> ForgeOptions:
    """Read the options for the Git host from the CI job's variables; outside CI, set no option."""
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ)
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    return ForgeOptions()


def _gitlab(environ: Mapping[str, str]) -> ForgeOptions:
    number = environ.get("CI_MERGE_REQUEST_IID", "")
    # The commit of a merged results pipeline is not that of the branch.
    head = environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
    return ForgeOptions(
        forge=ForgeKind.GITLAB,
        forge_url=environ.get("CI_API_V4_URL"),
        # In the pipeline of a fork, CI_PROJECT_ID is the fork.
        project=environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID"),
        pull_request=int(number) if _NUMBER.fullmatch(number) else None,
        commit=head or environ.get("CI_COMMIT_SHA"),
        ca=Path(ca) if (ca := environ.get("CI_SERVER_TLS_CA_FILE")) else None,
        link=environ.get("CI_JOB_URL"),
    )


def _github(environ: Mapping[str, str]) -> ForgeOptions:
    # Gitea and Forgejo set GitHub's variables as well.
    gitea = "true" in (environ.get("GITEA_ACTIONS"), environ.get("FORGEJO_ACTIONS"))
    server, run = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_RUN_ID")
    project = environ.get("GITHUB_REPOSITORY")
    link = f"{server}/{project}/actions/runs/{run}" if server and project and run else None
    if link and not gitea:
        link += "#artifacts"  # the section of the run's page that lists the uploaded files
    event = read_event(environ.get("GITHUB_EVENT_PATH", ""))
    ref = _MERGE_REF.fullmatch(environ.get("GITHUB_REF", ""))
    number, commit = int(ref[1]) if ref else None, environ.get("GITHUB_SHA")
    head_commit = head_branch = None
    if number is not None:
        # GITHUB_SHA is a temporary merge commit, not the last commit of the pull request.
        pull = event.pull_request
        commit = pull.head.sha if pull is not None and pull.number == number else None
    elif (run_before := event.workflow_run) is not None:
        # GITHUB_SHA is a commit of the default branch.
        commit = run_before.head_sha
        if run_before.event.startswith("pull_request"):
            head_commit, head_branch = commit, run_before.branch()
    return ForgeOptions(
        forge=ForgeKind.GITEA if gitea else ForgeKind.GITHUB,
        forge_url=environ.get("GITHUB_API_URL"),
        project=project,
        pull_request=number,
        commit=commit,
        head_commit=head_commit,
        head_branch=head_branch,
        link=link,
    )
