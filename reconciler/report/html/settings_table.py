"""``settings_table``: renders the planned changes to KubeVirt settings as an HTML table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.references import dotted
from reconciler.report import wording
from reconciler.report.comparison.base_wording import EDITED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Decision


def settings_table(decision: Decision, comparison: Comparison | None = None) -> Iterator[str]:
    """Render a table of the planned changes to one object; without changes, yield nothing.

    If *comparison* is given, settings that were edited since the base commit are marked.
    """
    if not decision.changes:
        return
    yield '<table class="settings"><caption>Changed settings</caption><thead><tr>'
    titles = ("Field", "From", "To", "Wave")
    yield from (f'<th scope="col">{title}</th>' for title in titles)
    yield "</tr></thead><tbody>\n"
    for change in decision.changes:
        mark = f" {EDITED}" if comparison and comparison.edits(decision.ref, change) else ""
        where = f"<small>{html_text(f'{change.at}{mark}')}</small>" if change.at else ""
        if written := wording.written_to(change):
            where += f"<small>{html_text(f'written to {written}')}</small>"
        yield (
            f'<tr><th scope="row">{html_text(dotted(change.field))}{where}</th>'
            f"<td>{html_text(wording.spelled(change.before))}</td>"
            f"<td>{html_text(wording.spelled(change.after))}</td>"
            f"<td>{html_text(change.wave)}</td></tr>\n"
        )
    yield "</tbody></table>"
