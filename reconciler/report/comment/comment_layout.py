"""``assembled``: joins the parts of a pull request comment, and limits the size of each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.model.phrases import plural
from reconciler.report.comment.folded_groups import Cut, Group, folded, table
from reconciler.report.markdown_budget import size

NAME, VALUE, SENTENCE = 253, 200, 600
"""The maximum lengths of a name, a value and a sentence in a comment, in characters."""
RESERVED = 2_000
"""The number of bytes reserved for notes about omitted rows, and for a comment's last lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rendered rows of a table; rows at the end can be omitted to save space."""

    head: str
    rows: Sequence[str]
    total: int
    """The number of table rows, including omitted rows."""


def assembled(
    opening: Sequence[str],
    *,
    problems: Table,
    settings: Sequence[str] = (),
    groups: Sequence[Group],
    groups_title: str,
    closing: str = "",
    link: str,
    limit: int,
) -> str:
    """Join the parts of a pull request comment, and omit parts beyond the size limit.

    Args:
        opening: The first lines, which are never shortened.
        problems: The problems that a user must solve.
        settings: The rendered rows of changed KubeVirt settings.
        groups: The collapsible sections with tables.
        groups_title: The title above the collapsible sections.
        closing: The last line of the comment.
        link: The URL of the complete result, or an empty string.
        limit: The maximum size of the comment in bytes of UTF-8.
    """
    lines = list(opening)
    left = limit - sum(map(size, lines)) - size(closing) - RESERVED
    shown, _ = table(problems.head, problems.rows, left // 2)
    if problems.total:
        lines += ["", "#### Action required", "", *shown]
    left -= sum(map(size, shown))
    changed, settings_cut = table(head("Setting", "Change", "Effect"), settings, left // 3)
    if settings:
        lines += ["", "#### KubeVirt configuration", "", *changed]
    left -= sum(map(size, changed))
    cut = folded(groups, left)
    if groups:
        lines += ["", f"#### {groups_title}", "", *cut.lines]
    omitted = _omitted(cut, problems.total - max(0, len(shown) - 1), settings_cut)
    where = f"[Complete result](<{link}>)" if link else ""
    if omitted:
        see = f": see {where}" if where else "; the JSON of the run contains everything"
        lines += ["", f"**Left out to keep this comment short:** {', '.join(omitted)}{see}."]
    elif where:
        lines += ["", f"{where}."]
    return "\n".join((*lines, *(("", closing) if closing else ()), ""))


def row(*cells: str) -> str:
    """Build a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def head(*titles: str) -> str:
    """Build the header of a Markdown table."""
    return f"{row(*titles)}\n{row(*('---' for _ in titles))}"


def _omitted(cut: Cut, problems: int, settings: int) -> list[str]:
    counts = (
        (problems, "problem"),
        (settings, "KubeVirt setting"),
        (cut.groups, "group"),
        (cut.rows, "row"),
        (cut.patches, "patch"),
    )
    return [
        f"{n} patches" if noun == "patch" and n > 1 else plural(n, noun) for n, noun in counts if n
    ]
