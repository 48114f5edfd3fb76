"""Plain columns and wrapped notes for a terminal of a given width, styled only if asked for."""

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
    """What a piece of text is to the reader; the value is its ANSI SGR code."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    BAD = "31"
    GOOD = "32"
    WARN = "33"
    NOTE = "36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Wraps text in ANSI codes, or leaves it as it is."""

    enabled: bool

    def __call__(self, text: str, tone: Tone) -> str:
        """*text* in *tone*."""
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
    """One line of a table, with what is said below it."""

    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


def printable(text: str) -> str:
    """*text* on one line, with every control character shown instead of obeyed.

    Names and messages come from files and from the cluster: an escape sequence in one must not
    move the cursor, and a bidirectional override must not change what a line seems to say.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _shown(each) for each in text)


def ended(lines: Iterable[str]) -> Iterator[str]:
    """*lines*, each ending in a line feed."""
    return (f"{each}\n" for each in lines)


def table(
    head: Sequence[str], rows: Sequence[Row], *, width: int, wrap: Sequence[str], paint: Paint
) -> Iterator[str]:
    """The lines of a table; columns named in *wrap* are folded where *width* does not suffice."""
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
    """*text* wrapped between words, each line after *indent*, the first after *label* too.

    A word is never broken, so that a path or a value can be copied whole.
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
    """Take what is too much from the widest of the columns that may be folded."""
    widths = list(natural)
    too_much = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while too_much > 0:
        widest = max(wrap, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        too_much -= 1
    return widths


def _folded(text: str, size: int) -> list[str]:
    """*text* in pieces of at most *size*, broken after a slash, dash or space if there is one."""
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
