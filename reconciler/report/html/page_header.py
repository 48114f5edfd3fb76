"""``page_header``: renders the summary, counts and origin of a plan for its HTML page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.plan.plan import Effect
from reconciler.model.quantity import human
from reconciler.report import wording
from reconciler.report.comparison.base_wording import base_commit
from reconciler.report.html.reason_texts import named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Plan

_MIX = 1000
"""The width of the bar that ``_mix`` draws, in units of the SVG view box."""


def headline(plan: Plan) -> str:
    """Return a sentence that counts the VMs that change live, need a restart or are blocked."""
    counts = _counts(plan)
    live, restart, blocked = (
        counts[each] for each in (Effect.LIVE, Effect.RESTART, Effect.BLOCKED)
    )
    if not (live or restart or blocked or plan.waves):
        return "Nothing to apply"
    return (
        f"{live:,} {'VM changes' if live == 1 else 'VMs change'} live, "
        f"{restart:,} {'needs' if restart == 1 else 'need'} a restart, "
        f"{blocked:,} {'is' if blocked == 1 else 'are'} blocked"
    )


def page_header(plan: Plan, comparison: Comparison | None) -> Iterator[str]:
    """Render the header of a plan's HTML page."""
    counts = _counts(plan)
    yield f'<header><p class="top">Memory plan</p><h1>{html_text(headline(plan))}</h1>\n'
    if lead := _lead(plan):
        yield f'<p class="lead">{html_text(lead)}</p>\n'
    yield '<dl class="tiles">'
    for effect in wording.ATTENTION:
        if n := counts[effect]:
            yield f'<div class="{effect}"><dt>{named(effect)}</dt><dd>{n:,}</dd></div>'
    for name, value in _totals(plan):
        yield f'<div class="plain"><dt>{name}</dt><dd>{html_text(value)}</dd></div>'
    yield f"</dl>{_mix(counts)}\n"
    facts = [
        ("Cluster", plan.cluster or "not known"),
        ("Source", wording.origin(plan.revision, dirty=plan.dirty)),
        *((("Signature", signed),) if (signed := wording.signed(plan.in_force)) else ()),
        ("KubeVirt", plan.kubevirt_version or "version not known"),
        ("Cluster read", wording.utc_time(plan.observed_at)),
    ]
    if comparison is not None:
        base = comparison.base
        facts.append(("Compared with", base_commit(base.requested, base.revision)))
    facts.append(("Digest of the plan", plan.digest or "-"))
    yield '<dl class="facts">'
    for name, value in facts:
        yield f'<div><dt>{name}</dt><dd class="mono">{html_text(value)}</dd></div>'
    yield "</dl></header>\n"


def navigation(sections: Sequence[tuple[str, str]]) -> str:
    """Render links to the sections of the HTML page."""
    links = "".join(f'<a href="#{target}">{title}</a>' for target, title in sections)
    return f'<nav aria-label="Sections of the page">{links}</nav>\n'


def _counts(plan: Plan) -> Counter[Effect]:
    return Counter(each.effect for each in plan.decisions if each.ref.is_vm)


def _lead(plan: Plan) -> str:
    """Return a sentence that says that no VM needs a change, or '' if any VM needs one."""
    counts = _counts(plan)
    if not counts.total() or counts.total() > counts[Effect.NONE]:
        return ""
    if counts.total() == 1:
        return "The VM needs no change."
    return f"None of the {counts.total():,} VMs needs a change."


def _totals(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the memory that live changes add or remove, and the total duration, with labels."""
    grows = shrinks = 0
    for each in plan.decisions:
        if each.effect is Effect.LIVE and each.guest is not None and each.target is not None:
            difference = each.target.n_bytes - each.guest.n_bytes
            grows += max(difference, 0)
            shrinks += max(-difference, 0)
    if grows or shrinks:
        parts = [f"+{human(grows)}"] * bool(grows) + [f"\u2212{human(shrinks)}"] * bool(shrinks)
        yield "memory, live", " ".join(parts)
    if plan.forecast.vms:
        yield "done in", wording.span(plan.forecast.earliest_s, plan.forecast.latest_s)


def _mix(counts: Mapping[Effect, int]) -> str:
    """Draw a bar with the shares of VMs that change live, need a restart and so on.

    The result is empty if all VMs are in the same category.
    """
    total, start, paths = sum(counts.values()), 0, []
    for effect in wording.ATTENTION:
        if n := counts.get(effect, 0):
            width = max(round(n * _MIX / total), 4)
            paths.append(f'<path class="{effect}" d="M{start} 5h{width}"/>')
            start += width
    if len(paths) < 2:  # noqa: PLR2004 - one part says nothing
        return ""
    return (
        f'<svg class="mix" viewBox="0 0 {start} 10" preserveAspectRatio="none" aria-hidden=true>'
        f"{''.join(paths)}</svg>"
    )
