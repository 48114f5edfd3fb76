"""Lists the changed files of a working tree without running filters: ``changed_paths``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.source.git.file_tree import shown

if TYPE_CHECKING:
    from reconciler.source.git.repository import Repository

_STATUS = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")


def changed_paths(repository: Repository) -> tuple[str, ...]:
    """Return the paths of staged, changed and untracked files in the working tree.

    Raises:
        SourceError: The list is too long, or git fails.
    """
    listing = repository.listing(
        *_STATUS, "--ignore-submodules=all", settings=_without_filters(repository)
    )
    return tuple(shown(line[3:]) for line in listing.split(b"\0") if line)


def _without_filters(repository: Repository) -> dict[str, str]:
    """Return git settings that disable all filter programs in the repository's configuration.

    The configuration and the attributes of a repository can name programs, which ``git status``
    runs on each changed file.
    """
    output = repository.run("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    names = {os.fsdecode(each) for each in output.stdout.split(b"\0") if each}
    drivers = {name.rpartition(".")[0] for name in names}
    instead = {"clean": "", "process": "", "required": "false"}
    return {f"{each}.{key}": value for each in sorted(drivers) for key, value in instead.items()}
