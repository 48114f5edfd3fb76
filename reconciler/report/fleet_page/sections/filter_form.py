"""``filter_form``: renders the form that filters VMs and works without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.plan.plan import Effect
from reconciler.report.fleet_page.fleet_filter import MAX_VALUE, NAMESPACE, NODE
from reconciler.report.html.reason_texts import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.report.fleet_page.fleet_filter import FleetFilter
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_OPTIONS = 200
"""The maximum number of options in a drop-down list; with more, the form has a text field."""


def filter_form(vms: Sequence[FleetVM], shown: FleetFilter, links: PageLinks) -> str:
    """Render the filter form, filled with the values of the current filter."""
    return "".join(_pieces(vms, shown, links))


def _pieces(vms: Sequence[FleetVM], shown: FleetFilter, links: PageLinks) -> Iterator[str]:
    action = html_text(links.root or "./")
    yield f'<form id="filter" method="get" action="{action}" role="search">'
    yield _label("q", "Search", _text("search", "q", shown.q))
    namespaces = {each.ref.namespace for each in vms}
    yield _label(NAMESPACE, "Namespace", _choice(NAMESPACE, namespaces, shown.namespace))
    nodes = {each.node for each in vms if each.node}
    yield _label(NODE, "Node", _choice(NODE, nodes, shown.node))
    effects = [(str(each), named(each)) for each in Effect if each is not Effect.CONFIG]
    yield _label("effect", "Effect", _select("effect", effects, shown.effect))
    reasons = {each.reason for each in vms}
    yield _label("reason", "Reason", _choice("reason", reasons, shown.reason))
    groups = [(NAMESPACE, "namespace"), (NODE, "node")]
    yield _label("group", "Group by", _select("group", groups, shown.group, every=False))
    yield '<button type="submit">Filter</button>'
    unused = "" if shown.active else " hidden"
    yield f' <a id="clear" href="{action}"{unused}>Show all</a>'
    yield "</form>\n"


def _label(name: str, words: str, field: str) -> str:
    return f'<div><label for="f-{name}">{words}</label>{field}</div>'


def _choice(name: str, values: Iterable[str], chosen: str) -> str:
    known = sorted(values)
    if len(known) > MAX_OPTIONS:
        return _text("text", name, chosen)
    return _select(name, [(each, each) for each in known], chosen)


def _text(kind: str, name: str, value: str) -> str:
    return (
        f'<input type="{kind}" id="f-{name}" name="{name}" value="{html_text(value)}"'
        f' maxlength="{MAX_VALUE}" autocomplete="off" spellcheck="false">'
    )


def _select(
    name: str, values: Sequence[tuple[str, str]], chosen: str, *, every: bool = True
) -> str:
    options = [("", "all")] if every else []
    if chosen and chosen not in dict(values):
        options.append((chosen, chosen))
    options += values
    parts = (
        f'<option value="{html_text(value)}"{" selected" if value == chosen else ""}>'
        f"{html_text(words, 80)}</option>"
        for value, words in options
    )
    return f'<select id="f-{name}" name="{name}">{"".join(parts)}</select>'
