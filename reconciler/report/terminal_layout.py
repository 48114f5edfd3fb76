"""Formats tables and paragraphs for a terminal of a given width, with or without colors."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GAP = "  "
_NARROWEST = 16
_PIECE = re.compile(r"[^/\s-]*[/\s-]|[^/\s-]+")


class Tone(StrEnum):
    """The role of a piece of text; the value is its ANSI SGR code."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    BAD = "31"
    GOOD = "32"
    WARN = "33"
    NOTE = "36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Adds ANSI codes to text, if they are enabled."""

    enabled: bool

    def __call__(self, text: str, tone: Tone) -> str:
        """Return *text* with the ANSI codes of *tone*."""
        if not (self.enabled and tone and text):
            return text
        return f"\x1b[{tone}m{text}\x1b[0m"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, with notes below it."""

    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


def printable(text: str) -> str:
    """Return *text* on one line, with every control character made visible.

    Names and messages come from files and from the cluster. An escape sequence must not move the
    cursor, and a bidirectional override must not change how a line reads.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _shown(each) for each in text)


def with_line_feeds(lines: Iterable[str]) -> Iterator[str]:
    """Add a line feed to each of *lines*."""
    return (f"{each}\n" for each in lines)


def table(
    head: Sequence[str], rows: Sequence[Row], *, width: int, wrap: Sequence[str], paint: Paint
) -> Iterator[str]:
    """Yield the lines of a table; columns in *wrap* are folded if it is wider than *width*."""
    natural = [len(each) for each in head]
    for row in rows:
        sizes = (len(printable(each.text)) for each in row.cells)
        natural = [max(pair) for pair in zip(natural, sizes, strict=True)]
    widths = _fitted(natural, width, {head.index(each) for each in wrap})
    titles = Row(tuple(Cell(each, Tone.STRONG) for each in head))
    for row in chain((titles,), rows):
        folded = [
            _folded(printable(cell.text), size)
            for cell, size in zip(row.cells, widths, strict=True)
        ]
        for parts in zip_longest(*folded, fillvalue=""):
            padded = [
                paint(text, cell.tone) + " " * (size - len(text))
                for text, cell, size in zip(parts, row.cells, widths, strict=True)
            ]
            yield _GAP.join(padded).rstrip()
        for note in row.notes:
            yield from paragraph(note, width=width, indent="    ")


def paragraph(text: str, *, width: int, indent: str = "", label: str = "") -> Iterator[str]:
    """Wrap *text* between words; *indent* precedes each line, and *label* the first line.

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


def _fitted(natural: list[int], width: int, wrap: set[int]) -> list[int]:
    """Reduce the widest foldable columns until the table fits into *width*."""
    widths = list(natural)
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while excess > 0:
        widest = max(wrap, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _folded(text: str, size: int) -> list[str]:
    """Split *text* into lines of at most *size*, after a slash, dash or space if possible."""
    if len(text) <= size:
        return [text]
    lines = [""]
    for piece in _PIECE.findall(text):
        if lines[-1] and len(lines[-1]) + len(piece) > size:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1]) > size:
            lines[-1:] = [lines[-1][:size], lines[-1][size:]]
    return [line.strip() for line in lines]


def _shown(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")
