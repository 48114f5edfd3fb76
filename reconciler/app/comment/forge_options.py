"""``ForgeOptions``: selects the Git host, project and pull request for a comment.

A CI job's environment defines most of these values, so users need the options only outside CI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from reconciler.errors import UsageError

TOKEN_VARIABLE = "RECONCILER_FORGE_TOKEN"  # noqa: S105 - the name of a variable
_BRANCH = re.compile(r"[\w.-]+:[^\s:?*\[\\^~]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LINK = re.compile(r"https?://[^\s<>()\[\]\"'`\\|]+", re.ASCII)


class ForgeKind(StrEnum):
    """The supported Git hosts; Forgejo has the same API as Gitea."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"


class StatusKind(StrEnum):
    """The ways in which a Git host shows a result next to a commit."""

    STATUS = "status"
    """A commit status."""
    CHECK = "check"
    """A check run with annotations, which only GitHub supports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeOptions:
    """The options that select where a comment and a commit status are posted."""

    forge: ForgeKind | None = None
    forge_url: str | None = None
    """The URL of the Git host's API, or None for the public server."""
    project: str | None = None
    pull_request: int | None = None
    commit: str | None = None
    """The commit that gets the status, or None for the last commit of the pull request."""
    head_commit: str | None = None
    """The pull request's last commit, which selects the pull request if no number is set.

    If a number is set, the pull request must still have this last commit.
    """
    head_branch: str | None = None
    """The source branch of a pull request, as OWNER:BRANCH; used to find the pull request."""
    status_kind: StatusKind = StatusKind.STATUS
    ca: Path | None = None
    """A file with trusted CA certificates, or None for those of the operating system."""
    link: str | None = None
    """The URL of the complete result, for example of the CI job."""

    def completed_by(self, job: ForgeOptions) -> ForgeOptions:
        """Return a copy of these options, in which a CI job's options replace missing values.

        The job's values are not used if these options select a different Git host. The job's
        commit is used only for the job's own pull request.
        """
        if self.forge not in (None, job.forge):
            return self
        names = ["forge", "forge_url", "project", "link", "ca"]
        if self.pull_request is None and self.head_commit is None:
            names += ["pull_request"]
            if self.commit is None:
                names += ["commit", "head_commit", "head_branch"]
        elif self.commit is None and self.pull_request == job.pull_request:
            names += ["commit"]
        missing = {name: getattr(job, name) for name in names if getattr(self, name) is None}
        return replace(self, **missing)

    def checked(self) -> ForgeOptions:
        """Return these options if they select a Git host, a project, and a pull request or commit.

        Raises:
            UsageError: A value is missing or malformed.
        """
        if self.forge is None:
            raise UsageError("no Git host is selected", hint="set --forge, for example to github")
        if not self.project:
            raise UsageError(
                "no project on the Git host is selected", hint="set --project to OWNER/NAME"
            )
        if self.pull_request is None and self.commit is None and self.head_commit is None:
            raise UsageError(
                "neither a pull request nor a commit is selected",
                hint="set --pull-request for a comment and a status, or --commit for a status",
            )
        if self.status_kind is StatusKind.CHECK and self.forge is not ForgeKind.GITHUB:
            raise UsageError(
                f"the Git host {self.forge} does not support check runs",
                hint="set --status-kind to status",
            )
        for option, commit in (("--commit", self.commit), ("--head-commit", self.head_commit)):
            if commit is not None and not _COMMIT.fullmatch(commit):
                raise UsageError(
                    f"{option} {commit} is not a complete commit hash",
                    hint="write all 40 hexadecimal digits",
                )
        if self.head_branch is not None and not _BRANCH.fullmatch(self.head_branch):
            raise UsageError(
                f"--head-branch {self.head_branch} does not have the form OWNER:BRANCH",
                hint="write OWNER:BRANCH",
            )
        if self.link is not None and not _LINK.fullmatch(self.link):
            raise UsageError(
                f"--link {self.link} is not a URL",
                hint="set --link to an http:// or https:// URL without brackets",
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """The options that select where commit statuses are set, and the name of the statuses."""

    forge: ForgeOptions
    name: str
    """The name of the commit status; a new status with the same name replaces the old one."""
    token_file: Path | None = None
    """The file with the token, read for each status, or None for the environment variable."""
