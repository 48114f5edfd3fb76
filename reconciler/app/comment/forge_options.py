"""``ForgeOptions``: selects the forge, the project and the pull request for a comment.

A CI job's environment has most of these values, so that the options are only needed elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_VARIABLE = "RECONCILER_FORGE_TOKEN"  # noqa: S105 - the name of a variable
_MERGE_REF = re.compile(r"refs/pull/([1-9]\d{0,9})/(?:merge|head)", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,9}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LINK = re.compile(r"https?://[^\s<>()\[\]\"'`\\|]+", re.ASCII)


class ForgeKind(StrEnum):
    """The supported forges; Forgejo has the same API as Gitea."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeOptions:
    """The options that select where a comment and a commit status are posted."""

    forge: ForgeKind | None = None
    forge_url: str | None = None
    """The address of the forge's API; None for the public server."""
    project: str | None = None
    pull_request: int | None = None
    commit: str | None = None
    """The commit that gets the status; None for the last commit of the pull request."""
    link: str | None = None
    """The address of the complete result, for example of the CI job."""
    status_name: str | None = None

    def completed(self, environ: Mapping[str, str]) -> ForgeOptions:
        """Return these options, with missing values filled in from the variables of a CI job.

        Values of a job are only used if its forge is also the selected forge.
        """
        found = _from_job(environ)
        if self.forge not in (None, found.forge):
            return self
        names = ("forge", "forge_url", "project", "pull_request", "link")
        missing = {name: getattr(found, name) for name in names if getattr(self, name) is None}
        if self.commit is None and self.pull_request is None and found.pull_request is None:
            missing["commit"] = found.commit
        return replace(self, **missing)

    def checked(self) -> ForgeOptions:
        """Return these options if they select a forge, a project, and a target.

        Raises:
            UsageError: A value is missing or malformed.
        """
        if self.forge is None:
            raise UsageError("no forge is selected", hint="set --forge, for example to github")
        if not self.project:
            raise UsageError("no project is selected", hint="set --project to OWNER/NAME")
        if self.pull_request is None and self.commit is None:
            raise UsageError(
                "neither a pull request nor a commit is selected",
                hint="set --pull-request for a comment and a status, or --commit for a status",
            )
        if self.commit is not None and not _COMMIT.fullmatch(self.commit):
            raise UsageError(
                f"--commit {self.commit} is not a complete commit hash",
                hint="write all 40 hexadecimal digits",
            )
        if self.link is not None and not _LINK.fullmatch(self.link):
            raise UsageError(
                f"--link {self.link} is not an address", hint="write https://… without brackets"
            )
        return self


def _from_job(environ: Mapping[str, str]) -> ForgeOptions:
    if environ.get("GITLAB_CI") == "true":
        number = environ.get("CI_MERGE_REQUEST_IID", "")
        return ForgeOptions(
            forge=ForgeKind.GITLAB,
            forge_url=environ.get("CI_API_V4_URL"),
            # In the pipeline of a fork, CI_PROJECT_ID is the fork.
            project=environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID"),
            pull_request=int(number) if _NUMBER.fullmatch(number) else None,
            commit=environ.get("CI_COMMIT_SHA"),
            link=environ.get("CI_JOB_URL"),
        )
    if environ.get("GITHUB_ACTIONS") != "true":
        return ForgeOptions()
    # Gitea and Forgejo set GitHub's variables as well.
    gitea = "true" in (environ.get("GITEA_ACTIONS"), environ.get("FORGEJO_ACTIONS"))
    ref = _MERGE_REF.fullmatch(environ.get("GITHUB_REF", ""))
    server, run = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_RUN_ID")
    project = environ.get("GITHUB_REPOSITORY")
    return ForgeOptions(
        forge=ForgeKind.GITEA if gitea else ForgeKind.GITHUB,
        forge_url=environ.get("GITHUB_API_URL"),
        project=project,
        pull_request=int(ref[1]) if ref else None,
        commit=environ.get("GITHUB_SHA"),
        link=f"{server}/{project}/actions/runs/{run}" if server and project and run else None,
    )
