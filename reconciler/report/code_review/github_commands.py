"""``github_commands``: renders findings as GitHub workflow commands, which create annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import printable, workflow_command
from reconciler.model.diagnostic import Severity
from reconciler.model.live.snapshot_age import SNAPSHOT_AGE
from reconciler.model.phrases import plural
from reconciler.model.plan.comparison import ADDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.report.code_review.review import Review, ReviewFinding

MAX_PER_LEVEL = 10
"""The maximum number of annotations of each level that GitHub keeps for one workflow step."""

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_TITLE, _MESSAGE, _PATH = 200, 4000, 1000
"""The maximum lengths of an annotation's title, message and path, in characters."""


def github_commands(review: Review) -> Iterator[str]:
    """Render code review findings as log lines of a GitHub Actions step, most important first.

    GitHub limits the number of annotations for each severity level. If a level has too many
    findings, its last annotation counts the omitted ones. If the plan is compared with a base
    commit, only new and updated findings become annotations. The last line is a plain-text
    summary.
    """
    known = sum(not _is_shown(each) for each in review.findings)
    for level, command in _COMMANDS.items():
        found = [each for each in review.findings if each.level is level and _is_shown(each)]
        shown = found if len(found) <= MAX_PER_LEVEL else found[: MAX_PER_LEVEL - 1]
        for each in shown:
            yield _annotation(command, each) + "\n"
        if rest := len(found) - len(shown):
            title = f"{plural(rest, f'more {level}')} not shown"
            text = (
                f"GitHub shows {MAX_PER_LEVEL} annotations of each level for a step. "
                "The formats text, json and sarif contain all findings."
            )
            yield workflow_command(command, {"title": title}, text) + "\n"
    hidden = f". {plural(known, 'finding')} of the base commit not shown" if known else ""
    yield printable(f"{review.summary}{hidden}") + "\n"


def _is_shown(finding: ReviewFinding) -> bool:
    """Return whether a finding is new since the base commit or concerns the whole plan."""
    return finding.state is None or finding.state in ADDED or finding.code == SNAPSHOT_AGE


def _annotation(command: str, finding: ReviewFinding) -> str:
    properties: dict[str, str] = {}
    if finding.at is not None:
        properties["file"] = printable(finding.at.path, _PATH)
        properties["line"] = str(finding.at.line)
        properties["col"] = str(finding.at.column)
    properties["title"] = printable(finding.title, _TITLE)
    return workflow_command(command, properties, printable(finding.message, _MESSAGE))
