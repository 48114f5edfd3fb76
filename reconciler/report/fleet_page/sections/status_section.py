"""``status_section``: renders the top of the status page, with the current state of ``serve``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect
from reconciler.model.service.view import Role
from reconciler.report import wording
from reconciler.report.fleet_page.fleet_vm import Stage
from reconciler.report.fleet_page.page_times import minute_text, time_html
from reconciler.report.fleet_page.service_notices import notices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM

_MAX_TEXT = 400
"""The maximum length of a sentence or a value in this section, in characters."""


def headline(view: ServiceView, vms: Sequence[FleetVM]) -> str:
    """Describe the state of all VMs in one short sentence."""
    if view.plan is None:
        return "No plan has been made yet"
    changing = sum(each.stage is Stage.CHANGING for each in vms)
    queued, held = _queued(vms), _for_person(vms)
    if changing:
        return f"{_vms(changing)} {_verb(changing, 'changes', 'change')} now"
    if queued:
        return f"{_vms(queued)} {_verb(queued, 'is', 'are')} in the queue"
    if held:
        return f"{_vms(held)} {_verb(held, 'needs', 'need')} action by a user"
    if not vms:
        return "Git contains no VM"
    return f"{_verb(len(vms), 'The VM matches', f'All {len(vms):,} VMs match')} Git"


def status_section(view: ServiceView, vms: Sequence[FleetVM]) -> str:
    """Render the top section of the status page that shows all VMs."""
    return "".join(_pieces(view, vms))


def _pieces(view: ServiceView, vms: Sequence[FleetVM]) -> Iterator[str]:
    yield f'<div data-part="status"><h1>{html_text(headline(view, vms))}</h1>\n'
    if vms:
        yield f'<p class="lead">{html_text(_lead(vms))}</p>\n'
    for each in notices(view):
        yield f'<p class="box {each.tone}">{html_text(each.text, _MAX_TEXT)}.</p>\n'
    yield '<dl class="facts">'
    for name, value in _facts(view):
        yield f"<div><dt>{name}</dt><dd>{value}</dd></div>"
    yield "</dl></div>\n"


def _lead(vms: Sequence[FleetVM]) -> str:
    """Return a list of counts: VMs that change, have changed, failed, wait or are unchanged."""
    stages = Counter(each.stage for each in vms)
    held = _for_person(vms)
    counts = (
        (stages[Stage.CHANGING], "changing now"),
        (stages[Stage.DONE], "changed in this run"),
        (stages[Stage.FAILED], "failed in this run"),
        (_queued(vms), "in the queue"),
        (held, f"{_verb(held, 'needs', 'need')} action by a user"),
        (sum(each.decision.effect is Effect.NONE for each in vms), "unchanged"),
    )
    return ", ".join(f"{n:,} {words}" for n, words in counts if n)


def _facts(view: ServiceView) -> Iterator[tuple[str, str]]:
    source, plan, now = view.source, view.plan, view.at
    found = source.in_force
    commit = found.commit if found else None
    if commit is not None and found is not None:
        signed = f", {wording.signed(found)}" if found.signer else ""
        steps = f", {plural(found.behind, 'commit')} behind" if found.behind else ""
        shown = html_text(f"{signed}{steps}", _MAX_TEXT)
        yield "Applied commit", f'<span class="mono">{html_text(commit[:12])}</span>{shown}'
    yield "Branch, tag or hash", f'<span class="mono">{html_text(source.revision, 80)}</span>'
    if source.fetched_at is not None:
        following = f", next at {time_html(source.next_at, now)}" if source.next_at else ""
        yield "Last Git poll", f"{time_html(source.fetched_at, now)}{following}"
    if view.planned_at is not None:
        yield "Planned", minute_text(view.planned_at, now)
    if view.last_pass_at is not None:
        yield "Last reconciliation pass", minute_text(view.last_pass_at, now)
    if view.last_success_at is not None:
        yield (
            "Last reconciliation pass without a failed object",
            minute_text(view.last_success_at, now),
        )
    if plan is not None:
        yield "KubeVirt", html_text(plan.kubevirt_version or "version not known", 80)
    yield "Leader", html_text(view.leader or "none", 120)
    role = "leads" if view.role is Role.LEADER else "on standby"
    yield (
        "This replica",
        html_text(f"{view.instance}, {role}, mode {view.mode}, version {view.version}", 240),
    )


def _queued(vms: Sequence[FleetVM]) -> int:
    return sum(each.queued for each in vms)


def _for_person(vms: Sequence[FleetVM]) -> int:
    return sum(each.needs_person for each in vms)


def _vms(n: int) -> str:
    return f"{n:,} {'VM' if n == 1 else 'VMs'}"


def _verb(n: int, one: str, many: str) -> str:
    return one if n == 1 else many
