"""``PrintedFormat``: the formats in which ``comment`` prints a result instead of posting it."""

from __future__ import annotations

from enum import StrEnum


class PrintedFormat(StrEnum):
    """The output formats of the command ``comment -o``."""

    MARKDOWN = "markdown"
    GITHUB_OUTPUT = "github-output"
