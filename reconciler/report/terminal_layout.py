"""Formats tables and paragraphs for a terminal of a given width, with or without colors."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from reconciler.escaping import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_GAP = "  "
_NARROWEST = 16
_LONGEST = 500
"""The maximum number of characters in a table cell; longer text is truncated."""
_PIECE = re.compile(r"[^/\s-]*[/\s-]|[^/\s-]+")


class Tone(StrEnum):
    """The styles of text on a terminal; each value is an ANSI color code."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    BAD = "31"
    GOOD = "32"
    WARN = "33"
    NOTE = "36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Adds ANSI color codes to text, if colors are enabled."""

    enabled: bool

    def __call__(self, text: str, tone: Tone) -> str:
        """Add the ANSI color code of a style to text, if colors are enabled."""
        if not (self.enabled and tone and text):
            return text
        return f"\x1b[{tone}m{text}\x1b[0m"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a text table."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """One row in a text table, and the notes that are printed below the row."""

    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


def with_line_feeds(lines: Iterable[str]) -> Iterator[str]:
    """Append a newline to each line."""
    return (f"{each}\n" for each in lines)


def table(
    head: Sequence[str],
    rows: Sequence[Row],
    *,
    width: int,
    wrap: Sequence[str],
    paint: Paint,
    drop: Sequence[str] = (),
) -> Iterator[str]:
    """Render a text table that fits the terminal.

    If the table is wider than *width*, the columns in *wrap* are wrapped between words. If that is
    not enough, the columns in *drop* are omitted in the given order. If that is not enough, words
    in the columns in *wrap* are broken. Other columns, such as names, are never wrapped.
    """
    columns = _columns(head, rows, width, set(wrap), drop)
    titles = Row(tuple(Cell(each, Tone.STRONG) for each in head))
    for row in chain((titles,), rows):
        cells = [(row.cells[index], size) for index, size in columns.items()]
        folded = [_folded(_shown(cell), size) for cell, size in cells]
        for parts in zip_longest(*folded, fillvalue=""):
            padded = [
                paint(text, cell.tone) + " " * (size - len(text))
                for text, (cell, size) in zip(parts, cells, strict=True)
            ]
            yield _GAP.join(padded).rstrip()
        for note in row.notes:
            yield from paragraph(note, width=width, indent="    ")


def paragraph(text: str, *, width: int, indent: str = "", label: str = "") -> Iterator[str]:
    """Wrap text into lines; *indent* precedes each line, and *label* precedes the first line.

    Words are never broken, so that users can copy a path or a value.
    """
    yield from textwrap.wrap(
        f"{label}{printable(text)}",
        width=max(width, len(indent) + 20),
        initial_indent=indent,
        subsequent_indent=indent + " " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _columns(
    head: Sequence[str], rows: Sequence[Row], width: int, wrap: set[str], drop: Sequence[str]
) -> dict[int, int]:
    """Map the index of each column that fits the terminal to the column's width."""
    texts = [[_shown(row.cells[index]) for row in rows] for index in range(len(head))]
    natural = {n: max(map(len, (head[n], *found))) for n, found in enumerate(texts)}
    whole = {
        n: max(map(len, (head[n], *" ".join(found).split(" ")))) if head[n] in wrap else natural[n]
        for n, found in enumerate(texts)
    }
    shown = dict(natural)
    for name in (None, *drop):
        if name is not None:
            del shown[head.index(name)]
        fitted = _fitted(shown, width, whole)
        if _total(fitted) <= width:
            return fitted
    broken = {n: min(whole[n], _NARROWEST) if head[n] in wrap else whole[n] for n in shown}
    return _fitted(shown, width, broken)


def _shown(cell: Cell) -> str:
    return printable(cell.text, _LONGEST)


def _total(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _fitted(natural: Mapping[int, int], width: int, least: Mapping[int, int]) -> dict[int, int]:
    """Reduce the widest columns until the table fits, but not below minimum widths."""
    widths = dict(natural)
    excess = _total(widths) - width
    while excess > 0:
        wide = [index for index in widths if widths[index] > least[index]]
        if not wide:
            break
        widths[max(wide, key=widths.__getitem__)] -= 1
        excess -= 1
    return widths


def _folded(text: str, size: int) -> list[str]:
    """Split text into lines with a maximum length, between words if possible."""
    if len(text) <= size:
        return [text]
    lines = [""]
    words = re.findall(r"\S*\s|\S+", text)
    long = (_PIECE.findall(each) if len(each.strip()) > size else [each] for each in words)
    for piece in chain.from_iterable(long):
        if lines[-1] and len(lines[-1]) + len(piece) > size:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > size:
            lines[-1:] = [lines[-1][:size], lines[-1][size:]]
    return [line.strip() for line in lines]
