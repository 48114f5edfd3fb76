"""``changed_paths``: lists the changed files in a working tree without running filter programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.source.git.file_tree import shown

if TYPE_CHECKING:
    from reconciler.source.git.repository import Repository

_STATUS = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")


def changed_paths(repository: Repository) -> tuple[str, ...]:
    """Return the paths of staged, modified and untracked files in the working tree.

    Raises:
        SourceError: The list is too long, or git fails.
    """
    listing = repository.listing(
        *_STATUS, "--ignore-submodules=all", settings=_without_filters(repository)
    )
    return tuple(shown(line[3:]) for line in listing.split(b"\0") if line)


def _without_filters(repository: Repository) -> dict[str, str]:
    """Return Git settings that disable all filter programs in the repository's configuration.

    A repository's configuration and attributes can name filter programs, which ``git status``
    would run on each changed file.
    """
    output = repository.run("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    names = {os.fsdecode(each) for each in output.stdout.split(b"\0") if each}
    drivers = {name.rpartition(".")[0] for name in names}
    instead = {"clean": "", "process": "", "required": "false"}
    return {f"{each}.{key}": value for each in sorted(drivers) for key, value in instead.items()}
