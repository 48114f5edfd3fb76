"""``finding_section``: renders reported problems as a table in an HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.plan.comparison import BaselineState
from reconciler.report.comparison.base_wording import ON_BASE
from reconciler.report.findings import by_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.plan.comparison import Comparison


def finding_section(
    diagnostics: Sequence[Diagnostic], comparison: Comparison | None = None
) -> Iterator[str]:
    """Render a section with one row for each reported problem; without problems, yield nothing.

    If *comparison* is given, problems that also exist in the base commit are marked.
    """
    if not diagnostics:
        return
    yield '<section id="findings" tabindex="-1"><h2>Findings</h2><table class="reasons">'
    yield "<caption>Problems in Git and in the cluster</caption>"
    yield '<thead><tr><th scope="col">Finding</th><th scope="col">Message</th></tr></thead>'
    yield "<tbody>\n"
    for each in by_location(diagnostics):
        what = f"{each.ref}: " if each.ref else ""
        where = f"<small>{html_text(str(each.at))}</small>" if each.at else ""
        hint = f"<p>Hint: {html_text(each.hint)}</p>" if each.hint else ""
        context = "".join(f"<p>{html_text(line)}</p>" for line in each.context)
        known = comparison and comparison.diagnostic_state(each) is BaselineState.UNCHANGED
        mark = f" {ON_BASE}" if known else ""
        level = html_text(each.severity)
        yield (
            f'<tr><th scope="row"><span class="badge {level}">{level}</span>'
            f" {html_text(each.code)}{where}</th>"
            f"<td>{html_text(f'{what}{each.message}{mark}')}{context}{hint}</td></tr>\n"
        )
    yield "</tbody></table></section>\n"
