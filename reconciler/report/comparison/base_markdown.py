"""Renders the differences between a plan and the plan of the base commit as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.model.plan.comparison import ADDED
from reconciler.report import wording
from reconciler.report.comparison.base_wording import (
    STATE_WORDS,
    gone,
    indirect,
    since_base,
    unplanned,
)
from reconciler.report.markdown_budget import Section, render_up_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Decision

_VALUE, _SENTENCE = 200, 1200
_MAX_GONE = 1000
"""How many changes, and how many problems, are listed if only the base commit's plan has them."""


def base_title(comparison: Comparison) -> str:
    """Build the title of a plan, which counts only the changes added since the base commit."""
    summary = comparison.summary()
    added = {str(state): summary[state] if state in ADDED else {} for state in STATE_WORDS}
    return f"### Memory plan compared with the base commit: {since_base(added)}"


def base_opening(comparison: Comparison) -> Iterator[str]:
    """Yield the paragraphs that name the base commit and count the differences from its plan."""
    base = comparison.base
    commit = code(wording.origin(base.revision, dirty=False), _VALUE)
    requested = code(base.requested, _VALUE)
    counts = since_base(comparison.summary()).capitalize()
    yield f"\nCompared with the plan of {commit}, the merge base with {requested}."
    yield f"{inline(counts, _SENTENCE)}."
    if base.unplanned:
        yield f"\n**{inline(unplanned(base.unplanned).capitalize(), _SENTENCE)}.**"
    if words := indirect(comparison):
        yield f"\n{inline(words, _SENTENCE)}"


def base_cell(decision: Decision, comparison: Comparison) -> str:
    """Return the table cell that says how a planned change differs from the base commit's plan."""
    compared = comparison.objects[decision.ref]
    words = STATE_WORDS[compared.state]
    return inline(f"{words}, edited" if compared.edited else words)


def gone_section(comparison: Comparison, limit: int) -> Section:
    """Build the section that lists changes and problems only in the base commit's plan."""
    lines = list(gone(comparison, _MAX_GONE))
    return Section(
        title="Only in the base commit",
        rows=render_up_to(lines, lambda each: f"- {inline(each, _SENTENCE)}", limit),
        total=len(lines),
    )
