"""``ReasonLinks``: links each reason code on an HTML page to its explanation."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report.wording import ATTENTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.plan import Decision, Plan, Reason

PERSON = frozenset({Effect.BLOCKED, Effect.RESTART, Effect.WAIT})
"""The effects (blocked, restart, wait) of changes that can require action by a user."""
PERSON_TITLE, OTHER_TITLE = "Action required", "Other reasons"
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class ReasonLinks:
    """Creates HTML links from a reason code to its explanation."""

    docs_url: str = ""
    """The base URL of the reason documentation, or '' if the page itself explains reasons."""

    def link(self, decision: Decision) -> str:
        """Render an object's planned effect and reason as a link to the explanation."""
        reason = decision.reason
        target = f"{self.docs_url.rstrip('/')}/{reason}" if self.docs_url else f"#r-{reason}"
        words = html_text(f"{named(decision.effect)}: {reason}")
        return f'<a href="{html_text(target)}">{words}</a>'


def named(effect: Effect) -> str:
    """Return the word that the HTML page shows for the effect of a planned change."""
    return "unchanged" if effect is Effect.NONE else str(effect)


def reason_counts(plan: Plan, *, person: bool) -> list[tuple[tuple[Effect, Reason], int]]:
    """Count the objects for each effect and reason, most urgent and frequent first.

    If *person* is true, only effects that can require action by a user are counted. Otherwise,
    only the other effects are counted.
    """
    counts = Counter((each.effect, each.reason) for each in plan.decisions)
    found = [(pair, n) for pair, n in counts.items() if (pair[0] in PERSON) is person]
    rank = {effect: number for number, effect in enumerate(ATTENTION)}
    return sorted(found, key=lambda item: (rank[item[0][0]], -item[1], item[0][1]))


def reason_section(plan: Plan, *, person: bool, docs_url: str) -> Iterator[str]:
    """Render a table that explains the plan's reasons.

    If *person* is true, the table contains the reasons that can require action by a user.
    Otherwise, it contains the other reasons.
    """
    found = reason_counts(plan, person=person)
    if not found or (docs_url and not person):
        return
    name, title = ("person", PERSON_TITLE) if person else ("reasons", OTHER_TITLE)
    yield f'<section id="{name}"><h2>{title}</h2>'
    yield '<table class="reasons"><caption>Each reason, its meaning and the next step</caption>'
    yield "<thead><tr>"
    yield '<th scope="col">Reason</th><th scope="col">Meaning and next step</th></tr></thead>'
    yield "<tbody>\n"
    seen: set[Reason] = set()
    for (effect, reason), n in found:
        name = "" if reason in seen else f' id="r-{html_text(reason)}"'
        seen.add(reason)
        yield _row(effect, reason, n, name)
    yield "</tbody></table></section>\n"


def _row(effect: Effect, reason: Reason, n: int, name: str) -> str:
    entry = CATALOGUE[reason]
    action = f"<p><strong>Next step:</strong> {prose(entry.action)}</p>" if entry.action else ""
    return (
        f'<tr{name}><th scope="row"><span class="badge {effect}">{named(effect)}</span>'
        f" {html_text(reason)}<small>{html_text(plural(n, 'object'))}</small></th>"
        f"<td>{prose(entry.meaning)}{action}"
        f'<p class="faint">Evidence ({html_text(entry.mark)}): {html_text(entry.where)}</p></td>'
        "</tr>\n"
    )


def prose(text: str) -> str:
    """Escape an explanation for HTML, and format text in backquotes as code."""
    return _CODE.sub(r"<code>\1</code>", html_text(text))
