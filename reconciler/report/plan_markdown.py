"""``plan_markdown``: renders a plan as Markdown for a pull request comment of limited size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.escaping import markdown_json_block, markdown_paragraph
from reconciler.model.fields import WaveName
from reconciler.model.plan.comparison import ADDED
from reconciler.report import wording
from reconciler.report.comparison.base_markdown import (
    base_cell,
    base_opening,
    base_title,
    gone_section,
)
from reconciler.report.comparison.base_wording import EDITED
from reconciler.report.findings import by_location, is_about_plan
from reconciler.report.markdown_budget import Section, fit_within, render_up_to, size
from reconciler.report.plan_text import operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Change, Decision, Effect, Plan

TAG = "<!-- reconciler-plan -->"
"""The hidden first line of every comment, by which CI jobs find the comment to replace."""

LIMIT = 65_000
"""The maximum size of the Markdown in bytes; GitHub accepts comments of 65,536 characters."""

ELSEWHERE = "the same command with `-o json` prints everything"

_FENCES = 2
"""The number of lines that the code fences around a Markdown code block add."""
_NAME, _VALUE, _SENTENCE, _PATCH = 253, 200, 600, 4000
"""The maximum lengths of a name, a value and a sentence (characters), and of a patch (bytes)."""


def plan_markdown(
    plan: Plan,
    *,
    comparison: Comparison | None = None,
    limit: int = LIMIT,
    elsewhere: str = ELSEWHERE,
) -> Iterator[str]:
    """Render a plan as GitHub Markdown, within a size limit.

    Args:
        plan: The plan to render.
        comparison: The comparison with the base commit's plan, or None. If it is given, changes
            that are already pending in the base commit are collapsed.
        limit: The maximum size in bytes of UTF-8; the summary alone can need 20,000 bytes.
        elsewhere: Markdown text, without a final full stop, that says where users can find the
            omitted rows, such as a link to an artifact.
    """
    attention = wording.by_attention(plan)
    problems = [each for each in plan.diagnostics if not is_about_plan(each)]
    if comparison is None:
        sections = [
            _configuration(plan, None, limit),
            _machines(plan, attention, limit),
            _findings(problems, limit),
            _details(attention, limit),
        ]
    else:
        added = [each for each in attention if comparison.state(each.ref) in ADDED]
        pending = [each for each in attention if comparison.state(each.ref) not in ADDED]
        new = [each for each in problems if comparison.diagnostic_state(each) in ADDED]
        known = [each for each in problems if comparison.diagnostic_state(each) not in ADDED]
        sections = [
            _configuration(plan, comparison, limit),
            _machines(plan, added, limit, comparison),
            gone_section(comparison, limit),
            _findings(new, limit),
            _details(added, limit),
            replace(_machines(plan, pending, limit), title="Already pending in the base commit"),
            replace(_findings(known, limit), title="Findings that the base commit has as well"),
        ]
        sections[-2:] = (replace(each, folded=True) for each in sections[-2:])
    opening = "\n".join(_opening(plan, comparison))
    return fit_within(opening, sections, limit=limit, elsewhere=elsewhere)


def _opening(plan: Plan, comparison: Comparison | None) -> Iterator[str]:
    yield TAG
    if comparison is None:
        yield f"### Memory plan: {wording.counts(plan.summary)}"
    else:
        yield base_title(comparison)
    yield ""
    signer = plan.in_force.signer if plan.in_force else ""
    yield (
        f"Plan {code(wording.short_digest(plan.digest))}"
        f" of {code(wording.origin(plan.revision, dirty=plan.dirty), _VALUE)}"
        f"{f', signed by {code(signer, _VALUE)},' if signer else ''}"
        f" for cluster {code(plan.cluster, _VALUE)}"
        f" with KubeVirt {inline(plan.kubevirt_version or 'of an unknown version')},"
        f" read {wording.utc_time(plan.observed_at)}."
    )
    if comparison is not None:
        yield from base_opening(comparison)
    for each in filter(is_about_plan, plan.diagnostics):
        label = str(each.severity).capitalize()
        yield f"\n**{label}: {inline(f'{each.message}; {each.hint}', _SENTENCE)}.**"
    if plan.errored:
        yield "\n**Some manifests in Git are invalid; this plan omits their objects.**"
    if not plan.waves:
        yield "\nNothing to apply."
    for number, wave in enumerate(plan.waves, 1):
        if wave.barrier is not None:
            limit = wording.duration(wave.barrier.deadline_s)
            condition = inline(wave.barrier.condition, _SENTENCE)
            yield f"\nWave {number} ({wave.name}) starts when {condition} (waits at most {limit})."
        if wave.name is WaveName.RESTART:
            yield f"\n**{inline(wording.restarts(wave), 5 * _SENTENCE)}.**"
    if costs := wording.costs(plan.forecast):
        yield f"\n{inline(costs, _SENTENCE)}"
        yield f"\n{inline(wording.NO_CANCEL, _SENTENCE)}"


def _configuration(plan: Plan, comparison: Comparison | None, limit: int) -> Section:
    settings = [
        (each.effect, change, comparison is not None and comparison.edits(each.ref, change))
        for each in plan.decisions
        if not each.ref.is_vm
        for change in each.changes
    ]
    return Section(
        title="KubeVirt configuration",
        head=_head("Field", "From", "To", "Effect", "Wave", "Where"),
        rows=render_up_to(settings, lambda each: _setting(*each), limit),
        total=len(settings),
        effects=tuple(effect for effect, *_ in settings),
    )


def _field(change: Change) -> str:
    field = code(".".join(change.field), _VALUE)
    written = wording.written_to(change)
    return f"{field}, written to {inline(written, _SENTENCE)}" if written else field


def _setting(effect: Effect, change: Change, edited: bool) -> str:  # noqa: FBT001 - a row's cells
    return _row(
        _field(change),
        inline(wording.spelled(change.before), _VALUE),
        inline(wording.spelled(change.after), _VALUE),
        _strong(effect),
        inline(change.wave),
        code(wording.location(change.at), _VALUE) + (f" {EDITED}" if edited else ""),
    )


def _machines(
    plan: Plan, attention: Sequence[Decision], limit: int, comparison: Comparison | None = None
) -> Section:
    forecasts = wording.forecasts(plan)
    machines = [each for each in attention if each.ref.is_vm]

    def row(decision: Decision) -> str:
        before, after = wording.from_and_to(decision)
        return _row(
            code(decision.ref.namespace, _NAME),
            code(decision.ref.name, _NAME),
            inline(before, _VALUE),
            inline(after, _VALUE),
            _strong(decision.effect),
            inline(decision.reason),
            inline(wording.eta(decision, forecasts.get(decision.ref))),
            code(wording.location(decision.at), _VALUE),
            *([base_cell(decision, comparison)] if comparison else ()),
        )

    more = ("Since base",) if comparison else ()
    return Section(
        title="Virtual machines",
        head=_head("Namespace", "Name", "From", "To", "Effect", "Reason", "ETA", "Where", *more),
        rows=render_up_to(machines, row, limit),
        total=len(machines),
        effects=tuple(each.effect for each in machines),
    )


def _findings(diagnostics: Sequence[Diagnostic], limit: int) -> Section:
    return Section(
        title="Findings",
        head=_head("Severity", "Code", "Finding", "Where"),
        rows=render_up_to(by_location(diagnostics), _finding, limit),
        total=len(diagnostics),
    )


def _finding(diagnostic: Diagnostic) -> str:
    what = f"{diagnostic.ref}: " if diagnostic.ref else ""
    hint = f"; hint: {diagnostic.hint}" if diagnostic.hint else ""
    return _row(
        _strong(diagnostic.severity),
        code(diagnostic.code, _VALUE),
        inline(f"{what}{diagnostic.message}{hint}", _SENTENCE),
        code(wording.location(diagnostic.at), _VALUE),
    )


def _details(attention: Sequence[Decision], limit: int) -> Section:
    return Section(
        title="Details",
        rows=render_up_to(attention, lambda each: "\n".join(_detail(each)), limit),
        total=len(attention),
        effects=tuple(each.effect for each in attention),
    )


def _detail(decision: Decision) -> Iterator[str]:
    verdict = f"{inline(decision.effect)}, {inline(decision.reason)}"
    yield f"<details><summary>{code(str(decision.ref), 2 * _NAME)}: {verdict}</summary>"
    yield ""
    yield markdown_paragraph(decision.why.message, _SENTENCE)
    items = [f"- Warning: {inline(each, _SENTENCE)}" for each in decision.warnings]
    if decision.owner:
        items.append(f"- Now set by {code(decision.owner, _VALUE)}")
    if decision.why.hint:
        items.append(f"- Hint: {inline(decision.why.hint, _SENTENCE)}")
    if items:
        yield ""
        yield from items
    operations = (operation(op) for action in decision.actions for op in action.patch)
    block = list(markdown_json_block(operations))
    if len(block) > _FENCES and sum(map(size, block)) <= _PATCH:
        yield ""
        yield from block
    yield ""
    yield "</details>"


def _head(*titles: str) -> str:
    return f"{_row(*titles)}\n{_row(*('---' for _ in titles))}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _strong(word: str) -> str:
    return f"**{inline(word)}**"
