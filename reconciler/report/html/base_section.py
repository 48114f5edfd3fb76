"""``base_section``: renders how a plan differs from the base commit's plan, as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.plan.comparison import ADDED, BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.report.comparison.base_wording import (
    EDITED,
    STATE_WORDS,
    gone,
    indirect,
    since_base,
    unplanned,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Decision

_MAX_GONE = 500
"""The maximum number of list items about changes that only the base commit's plan has."""
BASE_TITLE = "Since the base commit"
KNOWN, ADDED_CLASS = "known", "added"
"""The CSS classes of table rows: unchanged since the base commit, and new or updated."""


def base_section(comparison: Comparison) -> Iterator[str]:
    """Render the section that counts the differences from the base commit's plan."""
    yield f'<section id="base"><h2>{BASE_TITLE}</h2>\n'
    yield f"<p>{html_text(since_base(comparison.summary()).capitalize())}.</p>\n"
    if comparison.base.unplanned:
        words = unplanned(comparison.base.unplanned).capitalize()
        yield f'<p class="box">{html_text(words)}.</p>\n'
    if words := indirect(comparison):
        yield f"<p>{html_text(words)}</p>\n"
    items = [f"<li>{html_text(each)}</li>\n" for each in gone(comparison, _MAX_GONE)]
    if items:
        yield f"<details><summary>Only in the base commit: {len(items)}</summary><ul>\n"
        yield from items
        yield "</ul></details>\n"
    yield "</section>\n"


def since_mark(decision: Decision, comparison: Comparison | None) -> str:
    """Render how an object's planned change differs from that in the base commit's plan.

    The result is empty if the plan is not compared with a base commit.
    """
    if comparison is None:
        return ""
    compared = comparison.objects[decision.ref]
    quiet = decision.effect is Effect.NONE and compared.state is BaselineState.UNCHANGED
    words = ([] if quiet else [STATE_WORDS[compared.state]]) + [EDITED] * compared.edited
    return f" <b>{html_text(' '.join(words))}</b>" if words else ""


def row_class(decision: Decision, comparison: Comparison | None) -> str:
    """Return the value of a table row's HTML ``class`` attribute, with quotes if needed."""
    if comparison is None:
        return str(decision.effect)
    known = KNOWN if comparison.state(decision.ref) not in ADDED else ADDED_CLASS
    return f'"{decision.effect} {known}"'


def since_filter(decisions: Iterable[Decision], comparison: Comparison) -> str:
    """Render two checkboxes: for VMs with new or updated changes, and for all other VMs."""
    states = [comparison.state(each.ref) in ADDED for each in decisions]
    counts = {ADDED_CLASS: sum(states), KNOWN: len(states) - sum(states)}
    names = {ADDED_CLASS: "new or updated", KNOWN: "as in the base commit"}
    boxes = "".join(
        f'<label><input type="checkbox" id="show-{key}" checked>{names[key]} ({n:,})</label>'
        for key, n in counts.items()
        if n
    )
    return f"<fieldset><legend>Since the base commit</legend>{boxes}</fieldset>"
