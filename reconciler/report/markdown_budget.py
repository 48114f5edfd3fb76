"""``fit_within``: limits the size of Markdown sections, and counts the omitted rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from reconciler.model.plan.plan import Effect
from reconciler.report.terminal_layout import with_line_feeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_T = TypeVar("_T")

_FOLD_ABOVE = 40
_FRAME = 600
"""The number of bytes reserved for the title, table header and notes of a Markdown section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A Markdown section with a title and rows."""

    title: str
    head: str = ""
    """The header of the table, or an empty string if the rows are not a table."""
    rows: tuple[str, ...]
    """The rendered rows, as many as can fit into the size limit."""
    total: int
    effects: tuple[Effect, ...] = ()
    """How the change in each row takes effect (live, …), including rows that are not rendered."""
    folded: bool = False
    """Whether to collapse the rows even if the section has only a few."""


def render_up_to(values: Iterable[_T], render: Callable[[_T], str], limit: int) -> tuple[str, ...]:
    """Render values as rows until a size limit is reached, and ignore the remaining values."""
    rows: list[str] = []
    for value in values:
        if limit < 0:
            break
        rows.append(render(value))
        limit -= size(rows[-1])
    return tuple(rows)


def fit_within(
    opening: str, sections: Sequence[Section], *, limit: int, elsewhere: str
) -> Iterator[str]:
    """Render the opening text and the sections, and omit rows beyond a size limit.

    Args:
        opening: The text before the sections, which is never shortened.
        sections: The sections in the order of the output; empty sections are omitted.
        limit: The maximum size of the output in bytes of UTF-8.
        elsewhere: Markdown text that says where users can find the omitted rows.
    """
    filled = [each for each in sections if each.total]
    budget = limit - size(opening) - len(filled) * (_FRAME + size(elsewhere))
    wants = [sum(map(size, each.rows)) for each in filled]
    yield f"{opening}\n"
    for section, share in zip(filled, shares(wants, budget), strict=True):
        yield from with_line_feeds(("", *_lines(section, share, elsewhere)))


def shares(wants: Sequence[int], budget: int) -> list[int]:
    """Divide a byte budget: small sections get all they need, and the others get equal shares."""
    given = [0] * len(wants)
    smallest_first = sorted(range(len(wants)), key=wants.__getitem__)
    for number, index in enumerate(smallest_first):
        given[index] = min(wants[index], max(budget, 0) // (len(wants) - number))
        budget -= given[index]
    return given


def size(text: str) -> int:
    """Return the size of a string in bytes of UTF-8, plus one byte for a newline."""
    return len(text.encode(errors="replace")) + 1


def _lines(section: Section, budget: int, elsewhere: str) -> Iterator[str]:
    sums = accumulate(map(size, section.rows))
    shown = [row for row, used in zip(section.rows, sums, strict=True) if used <= budget]
    fold = len(shown) > _FOLD_ABOVE or (section.folded and bool(shown))
    yield f"#### {section.title}"
    yield ""
    if fold:
        yield f"<details><summary>{len(shown)} of {section.total}</summary>"
        yield ""
    if shown and section.head:
        yield section.head
    yield from shown
    if fold:
        yield ""
        yield "</details>"
    if len(shown) < section.total:
        yield ""
        yield _cut(section, len(shown), elsewhere)


def _cut(section: Section, shown: int, elsewhere: str) -> str:
    kinds = Counter(section.effects[shown:])
    which = ", ".join(f"{n} {effect}" for effect, n in kinds.items())
    return (
        f"**{section.total - shown} of {section.total} left out**"
        f"{f' ({which})' if which else ''} to keep this comment short: {elsewhere}."
    )
