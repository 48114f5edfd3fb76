"""``plan_html``: renders a plan as one HTML page that loads nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.fields import WaveName
from reconciler.model.phrases import plural
from reconciler.model.plan.comparison import BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.model.quantity import human
from reconciler.report import wording
from reconciler.report.comparison.base_wording import EDITED, ON_BASE, base_commit
from reconciler.report.findings import by_location, is_about_plan
from reconciler.report.html.base_section import base_section, since_mark
from reconciler.report.html.page_script import SCRIPT
from reconciler.report.html.page_style import STYLE
from reconciler.report.html.reason_texts import ReasonLinks, reason_section
from reconciler.report.html.timeline import timeline
from reconciler.report.html.vm_table import vm_section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Plan


def plan_html(
    plan: Plan, *, comparison: Comparison | None = None, docs_url: str = ""
) -> Iterator[str]:
    """Yield a plan as an HTML page.

    Args:
        plan: The plan to show.
        comparison: The comparison with the plan of the base, if there is a base; the page then
            marks each VM, and a checkbox hides those that are as on the base.
        docs_url: An http or https address; each reason links to this address and its code. If
            empty, the page contains the texts of the reasons.
    """
    links = ReasonLinks(docs_url)
    yield from _head(plan)
    yield '<body>\n<a class="skip" href="#machines">Skip to the virtual machines</a>\n'
    yield from _header(plan, comparison)
    yield "<main>\n"
    yield from _notes(plan)
    if comparison is not None:
        yield from base_section(comparison)
    yield from reason_section(plan, person=True, docs_url=docs_url)
    yield from _findings(plan, comparison)
    yield from _configuration(plan, comparison, links)
    yield from timeline(plan.forecast)
    yield from vm_section(plan, links, comparison)
    yield from reason_section(plan, person=False, docs_url=docs_url)
    yield f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"


def headline(plan: Plan) -> str:
    """Return how many VMs change live, need a restart or are blocked, as one sentence."""
    counts = {each: _vms(plan, each) for each in Effect}
    live, restart, blocked = (
        counts[each] for each in (Effect.LIVE, Effect.RESTART, Effect.BLOCKED)
    )
    if not (live or restart or blocked or plan.waves):
        return "Nothing to apply"
    return (
        f"{plural(live, 'VM')} {'changes' if live == 1 else 'change'} live, "
        f"{restart} {'needs' if restart == 1 else 'need'} a restart, "
        f"{blocked} {'is' if blocked == 1 else 'are'} blocked"
    )


def _head(plan: Plan) -> Iterator[str]:
    policy = (
        f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark">\n'
    yield '<meta name="referrer" content="no-referrer">\n'
    yield f"<title>Memory plan: {html_text(headline(plan))}</title>\n"
    yield f"<style>{STYLE}</style>\n</head>\n"


def _header(plan: Plan, comparison: Comparison | None) -> Iterator[str]:
    yield f"<header><h1>{html_text(headline(plan))}</h1>\n"
    yield '<dl class="tiles">'
    for effect in wording.ATTENTION:
        if n := _vms(plan, effect):
            name = "unchanged" if effect is Effect.NONE else str(effect)
            yield f'<div class="{effect}"><dt>{name}</dt><dd>{n}</dd></div>'
    grows, shrinks = _growth(plan)
    if grows or shrinks:
        parts = [f"+{human(grows)}"] * bool(grows) + [f"\u2212{human(shrinks)}"] * bool(shrinks)
        yield f"<div><dt>memory, live</dt><dd>{html_text(' '.join(parts))}</dd></div>"
    if plan.forecast.vms:
        done = wording.span(plan.forecast.earliest_s, plan.forecast.latest_s)
        yield f"<div><dt>done in</dt><dd>{html_text(done)}</dd></div>"
    yield "</dl>\n"
    facts = [
        ("Cluster", plan.cluster or "not known"),
        ("Source", wording.origin(plan.revision, dirty=plan.dirty)),
        *((("Signature", signed),) if (signed := wording.signed(plan.in_force)) else ()),
        ("Plan", plan.digest or "-"),
        ("KubeVirt", plan.kubevirt_version or "of an unknown version"),
        ("Cluster read", wording.utc_time(plan.observed_at)),
    ]
    if comparison is not None:
        base = comparison.base
        facts.append(("Compared with", base_commit(base.requested, base.revision)))
    yield '<dl class="facts">'
    yield from (f"<dt>{name}</dt><dd>{html_text(value)}</dd>" for name, value in facts)
    yield "</dl></header>\n"


def _notes(plan: Plan) -> Iterator[str]:
    for each in filter(is_about_plan, plan.diagnostics):
        label = str(each.severity).capitalize()
        words = html_text(f"{label}: {each.message}; {each.hint}.")
        yield f'<p class="note bad">{words}</p>\n'
    if plan.errored:
        words = "A part of the desired state is invalid and is left out of this plan."
        yield f'<p class="note bad">{words}</p>\n'
    for number, wave in enumerate(plan.waves, 1):
        if wave.barrier is not None:
            limit = wording.duration(wave.barrier.deadline_s)
            starts = f"Wave {number} ({wave.name}) starts when {wave.barrier.condition}"
            yield f"<p>{html_text(f'{starts} (waits at most {limit}).')}</p>\n"
        if wave.name is WaveName.RESTART:
            yield f'<p class="note">{html_text(wording.restarts(wave))}.</p>\n'


def _findings(plan: Plan, comparison: Comparison | None) -> Iterator[str]:
    found = [each for each in plan.diagnostics if not is_about_plan(each)]
    if not found:
        return
    yield '<section><h2>Findings</h2><table class="reasons">'
    yield "<caption>Problems in Git and in the cluster</caption>"
    yield '<thead><tr><th scope="col">Finding</th><th scope="col">Message</th></tr></thead>'
    yield "<tbody>\n"
    for each in by_location(found):
        what = f"{each.ref}: " if each.ref else ""
        where = f"<small>{html_text(str(each.at))}</small>" if each.at else ""
        hint = f"<p>Hint: {html_text(each.hint)}</p>" if each.hint else ""
        known = comparison and comparison.diagnostic_state(each) is BaselineState.UNCHANGED
        mark = f" {ON_BASE}" if known else ""
        yield (
            f'<tr><th scope="row">{html_text(each.severity)}: {html_text(each.code)}{where}</th>'
            f"<td>{html_text(f'{what}{each.message}{mark}')}{hint}</td></tr>\n"
        )
    yield "</tbody></table></section>\n"


def _configuration(plan: Plan, comparison: Comparison | None, links: ReasonLinks) -> Iterator[str]:
    found = [each for each in plan.decisions if not each.ref.is_vm]
    if not any(each.changes or each.effect is not Effect.NONE for each in found):
        return
    yield "<section><h2>KubeVirt configuration</h2>"
    for each in found:
        state = since_mark(each, comparison)
        yield f"<p>{links.link(each)}{state} {html_text(f'{each.ref}: {each.why.message}')}</p>\n"
        more = [*(f"Warning: {text}" for text in each.warnings)]
        more += [f"Hint: {each.why.hint}"] if each.why.hint else []
        yield from (f"<p>{html_text(text)}</p>\n" for text in more)
        if not each.changes:
            continue
        yield '<table class="settings"><caption>Changed settings</caption><thead><tr>'
        titles = ("Field", "From", "To", "Wave")
        yield from (f'<th scope="col">{title}</th>' for title in titles)
        yield "</tr></thead><tbody>\n"
        for change in each.changes:
            mark = f" {EDITED}" if comparison and comparison.edits(each.ref, change) else ""
            where = f"<small>{html_text(f'{change.at}{mark}')}</small>" if change.at else ""
            yield (
                f'<tr><th scope="row">{html_text(".".join(change.field))}{where}</th>'
                f"<td>{html_text(wording.spelled(change.before))}</td>"
                f"<td>{html_text(wording.spelled(change.after))}</td>"
                f"<td>{html_text(change.wave)}</td></tr>\n"
            )
        yield "</tbody></table>"
    yield "</section>\n"


def _vms(plan: Plan, effect: Effect) -> int:
    return sum(each.ref.is_vm and each.effect is effect for each in plan.decisions)


def _growth(plan: Plan) -> tuple[int, int]:
    """Return by how many bytes live changes grow and shrink the guests."""
    grows = shrinks = 0
    for each in plan.decisions:
        if each.effect is Effect.LIVE and each.guest is not None and each.target is not None:
            difference = each.target.n_bytes - each.guest.n_bytes
            grows += max(difference, 0)
            shrinks += max(-difference, 0)
    return grows, shrinks


def _hash(text: str) -> str:
    """Return the Content-Security-Policy source that permits exactly one script or style."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
