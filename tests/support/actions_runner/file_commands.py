"""Parses the files ``$GITHUB_OUTPUT`` and ``$GITHUB_ENV`` that a workflow step writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEREDOC = re.compile(r"([^=<]+)<<(.+)")


class FileCommandError(Exception):
    """The GitHub runner would reject the output or environment file, so the step would fail."""


def assignments(path: Path) -> dict[str, str]:
    """Parse the assignments in *path*: ``name=value``, or lines between two delimiters."""
    found: dict[str, str] = {}
    lines = iter(path.read_text(encoding="utf-8").split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        match = None if -1 < equals < heredoc else _HEREDOC.fullmatch(line)
        if match:
            value = []
            for inner in lines:
                if inner == match[2]:
                    break
                value.append(inner)
            else:
                raise FileCommandError(f"the delimiter {match[2]!r} is missing")
            found[match[1]] = "\n".join(value)
        elif equals > 0:
            found[line[:equals]] = line[equals + 1 :]
        else:
            raise FileCommandError(f"invalid format {line!r}")
    return found
