"""Markdown sections that share one limit: folded when long, cut with a count of the cut rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar

from reconciler.model.plan.plan import Effect
from reconciler.report.terminal_layout import ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_T = TypeVar("_T")

_FOLD_ABOVE = 40
_FRAME = 600
"""Most bytes of a section around its rows: title, table head, fold, count of what is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows under one title."""

    title: str
    head: str = ""
    """The head of the table; empty where the rows are none."""
    rows: tuple[str, ...]
    """Rendered: all, or more than fit."""
    total: int
    effects: tuple[Effect, ...] = ()
    """One a row, rendered or not, to say what is cut; empty where rows have none."""


def rendered_upto(
    values: Iterable[_T], render: Callable[[_T], str], limit: int
) -> tuple[str, ...]:
    """Render *values* until *limit* bytes are passed; no row beyond it could be shown."""
    rows: list[str] = []
    for value in values:
        if limit < 0:
            break
        rows.append(render(value))
        limit -= size(rows[-1])
    return tuple(rows)


def within(
    opening: str, sections: Sequence[Section], *, limit: int, elsewhere: str
) -> Iterator[str]:
    """*opening* and *sections*, one after the other, in at most *limit* bytes of UTF-8.

    Args:
        opening: Always shown whole.
        sections: In the order in which they are shown; empty ones are left out.
        limit: Most bytes.
        elsewhere: Markdown that says where the rows are that are cut.
    """
    filled = [each for each in sections if each.total]
    room = limit - size(opening) - len(filled) * (_FRAME + size(elsewhere))
    wants = [sum(map(size, each.rows)) for each in filled]
    yield f"{opening}\n"
    for section, share in zip(filled, shares(wants, room), strict=True):
        yield from ended(("", *_lines(section, share, elsewhere)))


def shares(wants: Sequence[int], room: int) -> list[int]:
    """Divide *room*: who wants little gets it all, the others split the rest evenly."""
    given = [0] * len(wants)
    modest_first = sorted(range(len(wants)), key=wants.__getitem__)
    for place, index in enumerate(modest_first):
        given[index] = min(wants[index], max(room, 0) // (len(wants) - place))
        room -= given[index]
    return given


def size(text: str) -> int:
    """Bytes of *text* and the line feed after it."""
    return len(text.encode(errors="replace")) + 1


def _lines(section: Section, room: int, elsewhere: str) -> Iterator[str]:
    shown = tuple(_fitting(section.rows, room))
    fold = len(shown) > _FOLD_ABOVE
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


def _fitting(rows: Sequence[str], room: int) -> Iterator[str]:
    used = 0

    def fits(row: str) -> bool:
        nonlocal used
        used += size(row)
        return used <= room

    return takewhile(fits, rows)
