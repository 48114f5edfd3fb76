"""``decision_section``: renders the planned change to one VM, with its reason and patches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.escaping import html_text, json_text
from reconciler.model.references import dotted
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report import wording
from reconciler.report.fleet_page.page_times import time_html
from reconciler.report.html.reason_texts import named, prose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.plan import Action
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

_MAX_TEXT = 2000


def decision_section(vm: FleetVM, view: ServiceView, links: PageLinks) -> str:
    """Render the section about the planned change to a VM."""
    return "".join(_pieces(vm, view, links))


def _pieces(vm: FleetVM, view: ServiceView, links: PageLinks) -> Iterator[str]:
    decision = vm.decision
    yield '<section id="decision"><h2>Decision</h2>\n<table class="values pairs">'
    yield "<caption>What the plan decides about the VM</caption><thead><tr>"
    yield '<th scope="col">What</th><th scope="col">Value</th></tr></thead><tbody>\n'
    for name, value in _rows(vm, view, links):
        yield f'<tr><th scope="row">{name}</th><td>{value}</td></tr>\n'
    yield "</tbody></table>\n"
    for each in decision.actions:
        yield from _action(each)
    if not decision.actions:
        yield '<p class="faint">Nothing is written to the VM.</p>'
    yield "</section>\n"


def _rows(vm: FleetVM, view: ServiceView, links: PageLinks) -> Iterator[tuple[str, str]]:
    decision, why = vm.decision, vm.decision.why
    entry = CATALOGUE[decision.reason]
    yield "Effect", f'<span class="badge {decision.effect}">{named(decision.effect)}</span>'
    yield "Reason", f"{links.reason_link(str(decision.reason))}: {prose(entry.meaning)}"
    yield "Message", html_text(why.message, _MAX_TEXT)
    if decision.at is not None:
        yield "In Git", f'<span class="mono">{html_text(str(decision.at), _MAX_TEXT)}</span>'
    if why.hint or entry.action:
        yield "Next step", html_text(why.hint, _MAX_TEXT) or prose(entry.action)
    for each in decision.warnings:
        yield "Warning", html_text(each, _MAX_TEXT)
    if decision.owner:
        yield "Field manager", html_text(decision.owner, 200)
    if since := view.restart_since.get(vm.ref):
        yield "Waits for a restart", f"since {time_html(since, view.at)} or longer"
    for change in decision.changes:
        before, after = wording.spelled(change.before), wording.spelled(change.after)
        name = html_text(dotted(change.field))
        value = html_text(f"{before} → {after}", 200)
        yield "Change", f'<span class="mono">{name}</span>: {value}'


def _action(action: Action) -> Iterator[str]:
    wave = html_text(f"{action.verb} in the {action.wave} wave".capitalize())
    digest = html_text(wording.short_digest(action.digest))
    yield f'<details open><summary><h3>{wave}</h3> <span class="mono">{digest}</span></summary>\n'
    if action.patch:
        lines = (html_text(json_text(json.dumps(each.plain()))) for each in action.patch)
        text = "[\n  {}\n]".format(",\n  ".join(lines))
        yield f'<pre tabindex="0" aria-label="JSON patch"><code>{text}</code></pre>'
    else:
        yield "<p>The request has no patch.</p>"
    yield "</details>\n"
