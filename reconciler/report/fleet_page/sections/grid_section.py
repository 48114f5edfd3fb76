"""``legend`` and ``grid``: render all VMs as a grid with one colored cell per VM."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.phrases import plural
from reconciler.report import wording
from reconciler.report.fleet_page.fleet_filter import NAMESPACE, NODE
from reconciler.report.fleet_page.fleet_vm import Stage
from reconciler.report.html.reason_texts import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.report.fleet_page.fleet_filter import FleetFilter
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_CELLS = 10_000
"""The maximum number of VMs in the grid; users can set a filter to see other VMs."""
MAX_LISTED = 100
"""The maximum number of matching VMs that the page also lists in a table."""
MANY = 600
"""The number of VMs above which grid cells are smaller (on wide screens with a mouse)."""
NO_NODE = "(not running)"
_STAGES = {
    Stage.CHANGING: "changing now",
    Stage.DONE: "changed in this run",
    Stage.FAILED: "failed in this run",
}


def legend(vms: Sequence[FleetVM], shown: FleetFilter, links: PageLinks) -> str:
    """Render the legend of the grid; each color's entry links to the VMs with this color."""
    counts = Counter(each.effect for each in vms)
    stages = Counter(each.stage for each in vms)
    items = []
    for effect in wording.ATTENTION:
        if counts[effect] or shown.effect == effect:
            chosen = shown.effect == effect
            target = links.fleet(shown.with_values(effect="" if chosen else str(effect)))
            current = ' aria-current="true"' if chosen else ""
            items.append(
                f'<li><a class="chip" href="{html_text(target)}"{current}>'
                f'<span class="cell {effect}"></span>{named(effect)}'
                f" <b>{counts[effect]:,}</b></a></li>"
            )
    items += [
        f'<li><span class="chip"><span class="cell none {stage}"></span>{words}'
        f" <b>{stages[stage]:,}</b></span></li>"
        for stage, words in _STAGES.items()
        if stages[stage]
    ]
    return f'<ul class="legend" data-part="legend">{"".join(items)}</ul>\n'


def grid(vms: Sequence[FleetVM], total: int, shown: FleetFilter, links: PageLinks) -> str:
    """Render the grid of the VMs that match the filter, grouped by namespace or node."""
    return "".join(_pieces(vms, total, shown, links))


def _pieces(
    vms: Sequence[FleetVM], total: int, shown: FleetFilter, links: PageLinks
) -> Iterator[str]:
    yield '<div id="grid" data-part="grid">'
    yield f'<p class="found">{html_text(found_words(len(vms), total, shown))}</p>\n'
    yield f'<div class="groups{" many" if len(vms) > MANY else ""}">'
    for name, members in _groups(vms[:MAX_CELLS], shown.group):
        value = "" if name == NO_NODE else name
        target = links.fleet(shown.with_values(**{shown.group: value}))
        title = html_text(name, 80)
        link = f'<a href="{html_text(target)}">{title}</a>' if value else title
        yield f'<section class="group"><h3>{link} <small>{plural(len(members), "VM")}</small></h3>'
        yield f'<p class="cells">{"".join(_link(each, links) for each in members)}</p></section>\n'
    yield "</div>"
    if shown.active and 0 < len(vms) <= MAX_LISTED:
        yield from _list(vms, links)
    yield "</div>\n"


def _list(vms: Sequence[FleetVM], links: PageLinks) -> Iterator[str]:
    yield '<table class="flow"><caption>VMs that match the filter</caption><thead><tr>'
    for title in ("VM", "Memory", "Node", "Effect and reason"):
        yield f'<th scope="col">{title}</th>'
    yield "</tr></thead><tbody>\n"
    for each in vms:
        effect, message = each.decision.effect, html_text(each.decision.why.message, 300)
        badge = f'<span class="badge {effect}">{named(effect)}</span>'
        yield (
            f'<tr><th scope="row">{links.vm_link(each.ref)}</th>'
            f"<td>{html_text(each.sizes, 80)}</td>"
            f"<td>{html_text(each.node or NO_NODE, 80)}</td>"
            f"<td>{badge} {links.reason_link(each.reason)}<br>{message}</td></tr>\n"
        )
    yield "</tbody></table>"


def found_words(n: int, total: int, shown: FleetFilter) -> str:
    """Return sentences that say how many VMs match the filter, and how many are shown."""
    if not total:
        return "The plan contains no VM."
    cut = f" The grid shows the first {MAX_CELLS:,}." if n > MAX_CELLS else ""
    if not shown.active:
        return f"{total:,} {'VM' if total == 1 else 'VMs'}.{cut}"
    return f"{n:,} of {total:,} VMs match the filter.{cut}"


def cell_class(vm: FleetVM) -> str:
    """Return the CSS classes of a VM's grid cell, for the effect and progress of its change."""
    return f"cell {vm.effect} {vm.stage}".rstrip()


def cell_title(vm: FleetVM) -> str:
    """Return the text of a VM's grid cell for tooltips and screen readers."""
    words = _STAGES.get(vm.stage, "")
    state = f"{words}, " if words else ""
    effect = f"{named(vm.decision.effect)}: {vm.reason}"
    return f"{vm.ref.namespaced_name}, {vm.sizes}, {state}{effect}"


def _link(vm: FleetVM, links: PageLinks) -> str:
    title = html_text(cell_title(vm), 300)
    return f'<a class="{cell_class(vm)}" href="{links.vm(vm.ref)}" title="{title}"></a>'


def _groups(vms: Iterable[FleetVM], group: str) -> list[tuple[str, list[FleetVM]]]:
    """Group VMs by namespace or node, sorted by name; VMs that are not running come last."""
    found = defaultdict(list)
    for each in vms:
        name = (each.node or NO_NODE) if group == NODE else getattr(each.ref, NAMESPACE)
        found[name].append(each)
    return sorted(found.items(), key=lambda item: (item[0] == NO_NODE, item[0]))
