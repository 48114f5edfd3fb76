"""``person_section``: renders VMs that keep their memory until a user acts, grouped by reason."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.phrases import plural
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report import wording
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_vm import Stage
from reconciler.report.fleet_page.page_times import time_html
from reconciler.report.html.reason_texts import prose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.plan.plan import Effect, Reason
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM
    from reconciler.report.fleet_page.page_links import PageLinks

MAX_REASONS = 20
"""The maximum number of reasons that this section lists."""
MAX_NAMES = 5
"""The maximum number of VMs that this section lists by name for each reason."""
_MAX_TEXT = 300


def person_section(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> str:
    """Render the section about VMs that need action by a user; long lists are truncated."""
    return "".join(_pieces(view, vms, links))


def _pieces(view: ServiceView, vms: Sequence[FleetVM], links: PageLinks) -> Iterator[str]:
    yield '<section id="person" data-part="person"><h2>User action needed</h2>\n'
    failed = [each for each in vms if each.stage is Stage.FAILED]
    groups = _by_reason(each for each in vms if each.needs_person and each not in failed)
    if not groups and not failed:
        yield '<p class="faint">No VM needs action by a user.</p></section>\n'
        return
    if failed:
        yield from _failed(failed, links)
    if groups:
        yield '<table class="reasons"><caption>VMs that need action by a user, by reason</caption>'
        yield '<thead><tr><th scope="col">Reason</th><th scope="col">VMs and next step</th></tr>'
        yield "</thead><tbody>\n"
        for (effect, reason), members in groups[:MAX_REASONS]:
            yield _row(effect, reason, members, view, links)
        yield "</tbody></table>"
    if (more := len(groups) - MAX_REASONS) > 0:
        yield f'<p class="faint">{plural(more, "more reason")}.</p>'
    yield "</section>\n"


def _by_reason(vms: Iterator[FleetVM]) -> list[tuple[tuple[Effect, Reason], list[FleetVM]]]:
    """Group VMs by how their change takes effect and by reason, most urgent and frequent first."""
    found = defaultdict(list)
    for each in vms:
        found[each.decision.effect, each.decision.reason].append(each)
    rank = {effect: number for number, effect in enumerate(wording.ATTENTION)}
    return sorted(found.items(), key=lambda item: (rank[item[0][0]], -len(item[1]), item[0][1]))


def _failed(failed: Sequence[FleetVM], links: PageLinks) -> Iterator[str]:
    yield f"<p>{plural(len(failed), 'change')} failed in this run:</p><ul>\n"
    for each in failed[:MAX_NAMES]:
        message = each.progress.message if each.progress else ""
        yield f"<li>{links.vm_link(each.ref)}: {html_text(message, _MAX_TEXT)}</li>\n"
    if (more := len(failed) - MAX_NAMES) > 0:
        yield f"<li>and {more:,} more</li>\n"
    yield "</ul>\n"


def _row(
    effect: Effect,
    reason: Reason,
    members: Sequence[FleetVM],
    view: ServiceView,
    links: PageLinks,
) -> str:
    entry = CATALOGUE[reason]
    waits = [at for each in members if (at := view.restart_since.get(each.ref))]
    oldest = f"<small>the oldest since {time_html(min(waits), view.at)}</small>" if waits else ""
    one = members[0].decision.why
    if len(members) == 1:
        which = f"{links.vm_link(members[0].ref)}: {html_text(one.message, _MAX_TEXT)}"
    else:
        which = ", ".join(links.vm_link(each.ref) for each in members[:MAX_NAMES])
    if (more := len(members) - MAX_NAMES) > 0:
        every = FleetFilter(effect=str(effect), reason=str(reason))
        which += f' and <a href="{html_text(links.fleet(every))}">{more:,} more</a>'
    hint = html_text(one.hint, _MAX_TEXT) if len(members) == 1 and one.hint else ""
    step = hint or prose(entry.action)
    action = f'<p class="faint">Next step: {step}</p>' if step else ""
    return (
        f'<tr><th scope="row"><span class="badge {effect}">{effect}</span> '
        f"{links.reason_link(str(reason))}"
        f"<small>{plural(len(members), 'VM')}</small>{oldest}</th>"
        f"<td>{which}{action}</td></tr>\n"
    )
