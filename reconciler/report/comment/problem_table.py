"""``problem_tables``: renders the problems that a user must solve as a Markdown table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.report.comment.comment_layout import NAME, SENTENCE, VALUE, Table, head, row
from reconciler.report.comment.folded_groups import Group
from reconciler.report.markdown_budget import render_up_to

if TYPE_CHECKING:
    from collections.abc import Sequence

_GROUPED_ABOVE = 20
"""The maximum number of problems in the table; if more exist, similar problems share a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An object or a file with a problem that a user must solve."""

    name: str
    result: str
    """How the planned change takes effect (``blocked``, …), the run's result, or ``error``."""
    reason: str
    message: str
    """A description of the problem and its solution."""
    where: str = ""
    """The file and line in Git, or an empty string if the problem has no location."""


def problem_tables(
    problems: Sequence[Problem], *, located: bool, limit: int
) -> tuple[Table, tuple[Group, ...]]:
    """Build a table of problems.

    If more than 20 problems exist, problems with the same result and reason share a row, which
    counts the objects and describes the first one. A collapsed section then lists each problem.

    Args:
        problems: The problems, most urgent first; problems with the same result are consecutive.
        located: Whether the tables have a column for the line in Git.
        limit: The maximum size of a table in bytes of UTF-8.
    """
    titles = ("Object", "Result", "Why", *(("Where",) if located else ()))

    def cells(each: Problem, n: int = 1) -> str:
        name = code(each.name, 2 * NAME)
        where = code(each.where, VALUE) if each.where else "-"
        return row(
            f"{n} objects, such as {name}" if n > 1 else name,
            f"**{inline(each.result)}**",
            f"{inline(each.message, SENTENCE)} ({code(each.reason)})",
            *((where,) if located else ()),
        )

    if len(problems) <= _GROUPED_ABOVE:
        rows = render_up_to(problems, cells, limit)
        return Table(head=head(*titles), rows=rows, total=len(problems)), ()
    all_of_them = Group(
        title=f"Each of the {len(problems)} problems",
        head=head(*titles),
        rows=render_up_to(problems, cells, limit),
        total=len(problems),
    )
    alike = _alike(problems)
    rows = render_up_to(alike, lambda group: cells(group[0], len(group)), limit)
    return Table(head=head(*titles), rows=rows, total=len(alike)), (all_of_them,)


def _alike(problems: Sequence[Problem]) -> Sequence[Sequence[Problem]]:
    """Group problems by result and reason; for each result, larger groups come first."""
    results = list(dict.fromkeys(each.result for each in problems))
    ordered = sorted(problems, key=lambda each: (results.index(each.result), each.reason))
    groups = [
        list(group) for _, group in groupby(ordered, lambda each: (each.result, each.reason))
    ]
    return sorted(groups, key=lambda group: (results.index(group[0].result), -len(group)))
