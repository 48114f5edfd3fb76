"""``folded``: renders tables as collapsible sections within a size limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.report.markdown_budget import shares, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FRAME = 160
"""The size in bytes of a collapsible section's markup, without the title and the table header."""
_LEAST_ROWS = 3
"""The minimum number of table rows; if fewer fit, the whole collapsible section is omitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A collapsible section: a title, a table, and collapsible code blocks below the table."""

    title: str
    """The title of the collapsible section in Markdown, which includes the number of rows."""
    head: str
    rows: tuple[str, ...]
    """The rendered table rows, as many as can fit into the size limit."""
    total: int
    """The number of rows, including omitted rows."""
    patches: tuple[str, ...] = ()
    """The code blocks with patches, which are collapsed below the table."""
    n_patches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The rendered Markdown, and how many rows, patches and sections were omitted."""

    lines: tuple[str, ...]
    rows: int = 0
    patches: int = 0
    groups: int = 0


def table(head: str, rows: Sequence[str], limit: int) -> tuple[list[str], int]:
    """Build the lines of a table within a size limit, and count the omitted rows."""
    shown = _within(rows, limit - size(head))
    return ([head, *shown] if shown else []), len(rows) - len(shown)


def folded(groups: Sequence[Group], limit: int) -> Cut:
    """Render collapsible sections within a size limit; table rows take precedence over patches."""
    fixed = [FRAME + size(each.title) + size(each.head) for each in groups]
    least = [sum(map(size, each.rows[:_LEAST_ROWS])) for each in groups]
    kept = len(_prefix([sum(each) for each in zip(fixed, least, strict=True)], limit))
    rows, patches = (
        sum(each.total for each in groups[kept:]),
        sum(each.n_patches for each in groups[kept:]),
    )
    groups, budget = groups[:kept], limit - sum(fixed[:kept])
    row_wants = [sum(map(size, each.rows)) for each in groups]
    row_shares = shares(row_wants, budget)
    budget -= sum(row_shares)
    patch_shares = shares([FRAME + sum(map(size, each.patches)) for each in groups], budget)
    lines: list[str] = []
    for each, for_rows, for_patches in zip(groups, row_shares, patch_shares, strict=True):
        shown = _within(each.rows, for_rows)
        blocks = _within(each.patches, for_patches - FRAME)
        lines.extend(_group(each, shown, blocks))
        rows += each.total - len(shown)
        patches += each.n_patches - len(blocks)
    return Cut(lines=tuple(lines), rows=rows, patches=patches, groups=len(fixed) - kept)


def _group(group: Group, rows: Sequence[str], patches: Sequence[str]) -> Iterator[str]:
    yield f"<details><summary>{group.title}</summary>"
    yield ""
    if rows:
        yield group.head
        yield from rows
    if len(rows) < group.total:
        yield ""
        yield f"{group.total - len(rows)} of {group.total} left out."
    if patches:
        yield ""
        yield f"<details><summary>Patches: {len(patches)} of {group.n_patches}</summary>"
        for block in patches:
            yield ""
            yield block
        yield ""
        yield "</details>"
    yield ""
    yield "</details>"
    yield ""


def _within(texts: Sequence[str], limit: int) -> Sequence[str]:
    return texts[: len(_prefix([size(each) for each in texts], limit))]


def _prefix(wants: Sequence[int], limit: int) -> list[int]:
    """Return the longest prefix of a list of sizes whose sum does not exceed the limit."""
    found: list[int] = []
    for want in wants:
        limit -= want
        if limit < 0:
            break
        found.append(want)
    return found
