"""``ForgeOptions``: selects the forge, the project and the pull request for a comment.

A CI job's environment has most of these values, so that the options are only needed elsewhere.
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
    """The supported forges; Forgejo has the same API as Gitea."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"


class StatusKind(StrEnum):
    """The ways in which a forge shows a result next to a commit."""

    STATUS = "status"
    """A commit status."""
    CHECK = "check"
    """A check run with annotations, which only GitHub supports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeOptions:
    """The options that select where a comment and a commit status are posted."""

    forge: ForgeKind | None = None
    forge_url: str | None = None
    """The address of the forge's API; None for the public server."""
    project: str | None = None
    pull_request: int | None = None
    commit: str | None = None
    """The commit that gets the status; None for the pull request's last commit."""
    head_commit: str | None = None
    """The last commit of the pull request; it selects the pull request, or is compared with it."""
    head_branch: str | None = None
    """The source branch of the pull request, as OWNER:BRANCH; used with ``head_commit``."""
    status_kind: StatusKind = StatusKind.STATUS
    ca: Path | None = None
    """A file with certificate authorities; None for those of the operating system."""
    link: str | None = None
    """The address of the complete result, for example of the CI job."""

    def completed_by(self, job: ForgeOptions) -> ForgeOptions:
        """Return these options; missing values come from the options of a CI job.

        Values of a job are only used if its forge is also the selected forge. The job's commit is
        not used for another pull request than the job's own.
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
        """Return these options if they select a forge, a project, and a pull request or commit.

        Raises:
            UsageError: A value is missing or malformed.
        """
        if self.forge is None:
            raise UsageError("no forge is selected", hint="set --forge, for example to github")
        if not self.project:
            raise UsageError("no project is selected", hint="set --project to OWNER/NAME")
        if self.pull_request is None and self.commit is None and self.head_commit is None:
            raise UsageError(
                "neither a pull request nor a commit is selected",
                hint="set --pull-request for a comment and a status, or --commit for a status",
            )
        if self.status_kind is StatusKind.CHECK and self.forge is not ForgeKind.GITHUB:
            raise UsageError(f"{self.forge} has no check runs", hint="set --status-kind to status")
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
                f"--link {self.link} is not an address", hint="write https://… without brackets"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """Where statuses are set, and how they are named."""

    forge: ForgeOptions
    name: str
    """The name of the status; a new status with the same name replaces the old one."""
    token_file: Path | None = None
    """The file with the token, which is read for each status; None for the variable."""
