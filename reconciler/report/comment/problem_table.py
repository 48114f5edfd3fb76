"""``problem_tables``: shows problems that a person must solve; similar problems share a row."""

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
"""The largest number of problems for which no collapsed section is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An object or a file with a problem that a person must solve."""

    name: str
    result: str
    """The planned effect, the result of the run, or ``error``."""
    reason: str
    message: str
    """The problem and its solution."""
    where: str = ""
    """The location in Git; empty if there is none."""


def problem_tables(
    problems: Sequence[Problem], *, located: bool, limit: int
) -> tuple[Table, tuple[Group, ...]]:
    """Return the problem table and, for many problems, a collapsed section that lists each one.

    Many problems are grouped by result and reason: a row then counts the objects and describes the
    first of them.

    Args:
        problems: The problems in the order of their urgency; each result's are consecutive.
        located: Whether the tables have a column for the locations in Git.
        limit: The limit of a table in bytes of UTF-8.
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
    """Group the problems by result and reason, in the order of results, largest groups first."""
    results = list(dict.fromkeys(each.result for each in problems))
    ordered = sorted(problems, key=lambda each: (results.index(each.result), each.reason))
    groups = [
        list(group) for _, group in groupby(ordered, lambda each: (each.result, each.reason))
    ]
    return sorted(groups, key=lambda group: (results.index(group[0].result), -len(group)))
