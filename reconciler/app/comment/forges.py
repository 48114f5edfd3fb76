"""``forge_of``: selects the Git host of a project, and the URL of the host's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.comment.forge_options import ForgeKind, ForgeOptions
from reconciler.errors import UsageError
from reconciler.forge.forge_client import checked_base_url
from reconciler.forge.github import Gitea, GitHub
from reconciler.forge.gitlab import GitLab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.forge.forge import Forge

_FORGES: Mapping[ForgeKind, type[GitHub | GitLab]] = {
    ForgeKind.GITHUB: GitHub,
    ForgeKind.GITLAB: GitLab,
    ForgeKind.GITEA: Gitea,
    ForgeKind.FORGEJO: Gitea,
}


def forge_of(options: ForgeOptions) -> tuple[Forge, str]:
    """Return the Git host that the options select, and the URL of the host's API.

    Raises:
        UsageError: The URL is missing or malformed.
    """
    kind, project = options.forge or ForgeKind.GITHUB, options.project or ""
    forge = _FORGES[kind](project)
    base_url = options.forge_url or forge.default_base_url
    if not base_url:
        raise UsageError(
            "the URL of the Git host's API is missing",
            hint="set --forge-url, for example to https://git.example.com/api/v1",
        )
    return forge, checked_base_url(base_url)
