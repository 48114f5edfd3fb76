"""``kubevirt_section``: renders the planned changes to KubeVirt settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.plan.plan import Effect
from reconciler.report.html.reason_texts import named
from reconciler.report.html.settings_table import settings_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_WARNINGS = 10
"""The maximum number of warnings about KubeVirt settings that the page lists."""
_MAX_TEXT = 400


def kubevirt_section(view: ServiceView, links: PageLinks) -> str:
    """Render the section about planned changes to KubeVirt settings, or nothing if none exist."""
    return "".join(_pieces(view, links))


def _pieces(view: ServiceView, links: PageLinks) -> Iterator[str]:
    yield '<div data-part="configuration">'
    decisions = view.plan.decisions if view.plan else ()
    found = [each for each in decisions if not each.ref.is_vm and each.effect is not Effect.NONE]
    if found:
        yield '<section id="configuration"><h2>KubeVirt configuration</h2>\n'
    for each in found:
        badge = f'<span class="badge {each.effect}">{named(each.effect)}</span>'
        message = html_text(f"{each.ref}: {each.why.message}", _MAX_TEXT)
        yield f"<p>{badge} {links.reason_link(str(each.reason))} {message}</p>\n"
        more = [f"Warning: {text}" for text in each.warnings[:MAX_WARNINGS]]
        if (others := len(each.warnings) - MAX_WARNINGS) > 0:
            more.append(f"{others:,} more warnings are in the plan.")
        more += [f"Hint: {each.why.hint}"] if each.why.hint else []
        yield from (f"<p>{html_text(text, _MAX_TEXT)}</p>\n" for text in more)
        yield from settings_table(each)
    yield "</section>" if found else ""
    yield "</div>\n"
