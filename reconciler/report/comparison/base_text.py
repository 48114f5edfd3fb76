"""Renders the differences between a plan and the plan of the base commit for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.comparison import ADDED, BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.report.comparison.base_wording import (
    EDITED,
    STATE_WORDS,
    base_commit,
    gone,
    indirect,
    since_base,
    unplanned,
)
from reconciler.report.terminal_layout import Cell, Tone, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Decision
    from reconciler.report.terminal_layout import Paint

BASE_COLUMN = "SINCE BASE"
"""The title of the table column that says how each VM differs from the base commit."""
_MAX_LISTED = 20
"""How many changes, and how many problems, are listed if only the base commit's plan has them."""


def base_heading(comparison: Comparison, *, width: int) -> Iterator[str]:
    """Yield the lines that name the base commit, for the heading of a plan."""
    base = comparison.base
    words = f"compared with the plan of {base_commit(base.requested, base.revision)}"
    if base.unplanned:
        words += f"; {unplanned(base.unplanned)}"
    yield from paragraph(words, width=width, indent="  ")


def base_cell(decision: Decision, comparison: Comparison) -> Cell:
    """Return the table cell that says how a VM's change differs from the base commit."""
    compared = comparison.objects[decision.ref]
    words = STATE_WORDS[compared.state]
    if decision.effect is Effect.NONE and compared.state is BaselineState.UNCHANGED:
        words = "-"
    tone = Tone.STRONG if compared.state in ADDED else Tone.FAINT
    return Cell(f"{words} {EDITED}" if compared.edited else words, tone)


def base_summary(comparison: Comparison, paint: Paint, *, width: int) -> Iterator[str]:
    """Yield the lines that count and list the differences from the base commit's plan."""
    line = f"Since the base commit: {since_base(comparison.summary())}."
    yield from (paint(each, Tone.STRONG) for each in paragraph(line, width=width))
    for text in (indirect(comparison), *gone(comparison, _MAX_LISTED)):
        yield from paragraph(text, width=width, indent="  ")
