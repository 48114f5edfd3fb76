"""Finds the workflow commands that a GitHub runner executes when it reads the log of a step.

Source: actions/runner src/Runner.Worker/ActionCommandManager.cs (TryProcessCommand) and
src/Runner.Common/ActionCommand.cs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NEW = re.compile(r"\s*::([^ :]+)(?: (.*?))?::(.*)")
_OLD = re.compile(r"##\[([^ \]]+)(?: (.*?))?\](.*)")


@dataclass(frozen=True)
class Command:
    """One workflow command in a step's log, such as an annotation."""

    name: str
    message: str = ""
    properties: dict[str, str] = field(default_factory=dict)


def executed(log: str) -> list[Command]:
    """Return the workflow commands in a log that a runner executes.

    The end of ``stop-commands`` is returned as the command ``resume``."""
    token, found = None, []
    for line in re.split(r"\r\n|\n|\r", log):
        match = _NEW.match(line) or _OLD.search(line)
        if not match:
            continue
        if token is None:
            found.append(Command(match[1], _decoded(match[3]), _properties(match[2] or "")))
            token = match[3] if match[1] == "stop-commands" else None
        elif match[1] == token:
            found.append(Command("resume"))
            token = None
    return found


def _properties(text: str) -> dict[str, str]:
    pairs = (each.split("=", 1) for each in text.split(",") if "=" in each)
    return {name: _decoded(value.replace("%3A", ":").replace("%2C", ",")) for name, value in pairs}


def _decoded(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
