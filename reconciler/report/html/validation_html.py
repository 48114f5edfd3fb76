"""``validation_html``: renders the problems in the desired state as one HTML page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.diagnostic import Severity
from reconciler.model.phrases import plural
from reconciler.report import wording
from reconciler.report.findings import validation_summary
from reconciler.report.html.finding_section import finding_section
from reconciler.report.html.page_frame import PAGE_END, page_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.plan.comparison import Comparison


def validation_html(desired: DesiredState, comparison: Comparison | None = None) -> Iterator[str]:
    """Render the problems in the desired state as an HTML page, for the command ``validate``.

    If *comparison* is given, problems that also exist in the base commit are marked.
    """
    title = "The desired state is valid" if desired.valid else "The desired state is invalid"
    totals = Counter(each.severity for each in desired.diagnostics)
    tiles = [
        *((f"{each}s", totals[each]) for each in Severity if totals[each]),
        ("VMs", len(desired.vms)),
    ]
    yield from page_start(title)
    yield '<a class="skip" href="#findings">Skip to the findings</a>\n'
    yield f'<header><p class="top">Validation</p><h1>{title}</h1>\n'
    summary = html_text(validation_summary(desired, comparison))
    yield f'<p class="lead">{summary}</p>\n<dl class="tiles">'
    for name, n in tiles:
        yield f'<div class="plain"><dt>{name}</dt><dd>{n:,}</dd></div>'
    source = html_text(wording.origin(desired.revision, dirty=desired.dirty))
    yield f'</dl>\n<dl class="facts"><div><dt>Source</dt><dd class="mono">{source}</dd></div>'
    yield "</dl></header>\n<main>\n"
    yield from finding_section(desired.diagnostics, comparison)
    if not desired.diagnostics:
        checked = html_text(plural(len(desired.vms), "VM"))
        yield '<section id="findings" tabindex="-1"><h2>Findings</h2>'
        yield f'<p class="box calm">No problem was found in {checked}.</p></section>\n'
    yield f"</main>\n{PAGE_END}"
