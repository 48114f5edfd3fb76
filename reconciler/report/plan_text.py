"""``plan_text``: renders a plan for a terminal, with waves of changes, VMs and reasons."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import printable
from reconciler.model.diagnostic import Severity
from reconciler.model.fields import WaveName
from reconciler.model.phrases import listed
from reconciler.model.plan.comparison import ADDED
from reconciler.model.plan.plan import Effect, Verb
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report import wording
from reconciler.report.comparison.base_text import (
    BASE_COLUMN,
    base_cell,
    base_heading,
    base_summary,
)
from reconciler.report.comparison.base_wording import EDITED
from reconciler.report.findings import finding_lines, is_about_plan
from reconciler.report.json_text import compact
from reconciler.report.terminal_layout import (
    Cell,
    Paint,
    Row,
    Tone,
    paragraph,
    table,
    with_line_feeds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Action, Change, Decision, PatchOp, Plan, Wave

_EXPECTED = frozenset({Effect.LIVE, Effect.COLD, Effect.CREATE, Effect.CONFIG})
_TONES = {
    Effect.NONE: Tone.FAINT,
    Effect.CONFIG: Tone.NOTE,
    Effect.LIVE: Tone.GOOD,
    Effect.COLD: Tone.NOTE,
    Effect.RESTART: Tone.WARN,
    Effect.WAIT: Tone.WARN,
    Effect.CREATE: Tone.GOOD,
    Effect.BLOCKED: Tone.BAD,
}
_HEAD = ("NAMESPACE", "NAME", "FROM", "TO", "EFFECT", "REASON", "ETA", "WHERE")
_MAX_ALIKE = 10
"""The maximum number of objects that are listed by name above a shared explanation."""
_LEAST = ("WHERE", "ETA")
"""The columns to omit on a narrow terminal, least important first."""


def plan_text(
    plan: Plan,
    *,
    comparison: Comparison | None = None,
    width: int = 120,
    color: bool = False,
    verbose: bool = False,
) -> Iterator[str]:
    """Render a plan as lines of text, each with a final newline.

    Args:
        plan: The plan to show.
        comparison: The comparison with the base commit's plan, or None.
        width: The width of the terminal in characters; longer table rows and sentences are
            wrapped or shortened.
        color: Whether to add ANSI color codes.
        verbose: Whether to also show unchanged objects, all patches, the reason for every object,
            and the field manager that owns the current value.
    """
    paint = Paint(enabled=color)
    return with_line_feeds(_lines(plan, comparison, paint, width=width, verbose=verbose))


def _lines(
    plan: Plan, comparison: Comparison | None, paint: Paint, *, width: int, verbose: bool
) -> Iterator[str]:
    yield from heading(plan, paint, width=width)
    if comparison is not None:
        yield from base_heading(comparison, width=width)
    for number, wave in enumerate(plan.waves, start=1):
        yield ""
        yield from _wave(number, wave, plan, comparison, paint, width=width, verbose=verbose)
    attention = wording.by_attention(plan)
    unchanged = [each for each in plan.decisions if each.effect is Effect.NONE]
    listed = [*attention, *(each for each in unchanged if verbose or each.warnings)]
    if comparison is not None:
        listed.sort(key=lambda each: comparison.state(each.ref) not in ADDED)
    yield from _machines(listed, plan, comparison, paint, width=width)
    explained = [each for each in listed if verbose or _surprising(each)]
    if explained:
        yield ""
        yield paint("Why", Tone.STRONG)
        alike: dict[object, list[Decision]] = {}
        for decision in explained:
            alike.setdefault(_explanation(decision, verbose=verbose), []).append(decision)
        for group in alike.values():
            yield from _why(group, paint, width=width, verbose=verbose)
    yield ""
    yield from _summary(plan, paint, width=width)
    if comparison is not None:
        yield from base_summary(comparison, paint, width=width)
    if others := [each for each in plan.diagnostics if not is_about_plan(each)]:
        yield ""
        yield from finding_lines(others, paint, comparison)


def heading(plan: Plan, paint: Paint, *, width: int) -> Iterator[str]:
    """Render the lines that identify a plan: digest, commit, cluster, KubeVirt version, time."""
    parts = (
        wording.origin(plan.revision, dirty=plan.dirty),
        wording.signed(plan.in_force),
        f"cluster {plan.cluster}",
        f"KubeVirt {plan.kubevirt_version or 'of an unknown version'}",
        f"read {wording.utc_time(plan.observed_at)}",
    )
    yield paint(printable(f"Plan {wording.short_digest(plan.digest)}"), Tone.STRONG)
    yield from paragraph(", ".join(filter(None, parts)), width=width, indent="  ")
    for each in filter(is_about_plan, plan.diagnostics):
        is_error = each.severity is Severity.ERROR
        words = f"{each.message}; {each.hint}"
        label = f"{each.severity}: "
        for line in paragraph(words, width=width, indent="  ", label=label):
            yield paint(line, Tone.BAD if is_error else Tone.WARN)


def _wave(
    number: int,
    wave: Wave,
    plan: Plan,
    comparison: Comparison | None,
    paint: Paint,
    *,
    width: int,
    verbose: bool,
) -> Iterator[str]:
    yield paint(f"Wave {number} {wave.name}", Tone.STRONG)
    if wave.barrier is not None:
        limit = wording.duration(wave.barrier.deadline_s)
        words = f"{wave.barrier.condition} (waits at most {limit})"
        yield from paragraph(words, width=width, indent="  ", label="starts when: ")
    if wave.name is WaveName.RESTART and not verbose:
        yield from paragraph(f"{wording.restarts(wave)}.", width=width, indent="  ")
        return
    decisions = {each.ref: each for each in plan.decisions if each.actions}
    folded: Counter[Effect] = Counter()
    for action in wave.actions:
        if action.ref.is_vm and not verbose:
            folded[action.effect] += 1
            continue
        yield f"  {printable(str(action.ref))}"
        for change in decisions[action.ref].changes:
            if change.wave is wave.name:
                edited = comparison is not None and comparison.edits(action.ref, change)
                yield from _change(change, width=width, edited=edited)
        if verbose:
            yield from _write(action)
    if folded:
        yield f"  {wording.counts({each: folded[each] for each in Effect if folded[each]})}"


def _change(change: Change, *, width: int, edited: bool = False) -> Iterator[str]:
    before, after = wording.spelled(change.before), wording.spelled(change.after)
    where = f"  {change.at}" if change.at else ""
    where += f" {EDITED}" if edited else ""
    field = ".".join(change.field)
    line = printable(f"{field}: {before} -> {after}") + printable(where)
    if len(line) + 4 <= width:
        yield f"    {line}"
    else:
        yield f"    {printable(field)}:"
        yield from paragraph(f"{before} -> {after}{where}", width=width, indent="      ")
    if written := wording.written_to(change):
        yield from paragraph(written, width=width, indent="      ", label="written to: ")


def _write(action: Action) -> Iterator[str]:
    if action.verb is Verb.CREATE:
        # The manifest may contain secrets, for example in cloud-init; the table shows only its
        # file.
        yield "    create from the manifest in Git"
    if action.verb is Verb.RESTART:
        yield "    restart the VM"
    yield from (f"    {printable(operation(each))}" for each in action.patch)


def operation(op: PatchOp) -> str:
    """Format a JSON Patch operation as one line of text."""
    return compact(op.plain())


def _machines(
    decisions: Sequence[Decision],
    plan: Plan,
    comparison: Comparison | None,
    paint: Paint,
    *,
    width: int,
) -> Iterator[str]:
    forecasts = wording.forecasts(plan)
    rows = [
        _machine(each, wording.eta(each, forecasts.get(each.ref)), comparison)
        for each in decisions
        if each.ref.is_vm
    ]
    if rows:
        yield ""
        head = _HEAD if comparison is None else (*_HEAD, BASE_COLUMN)
        yield from table(head, rows, width=width, wrap=(), drop=_LEAST, paint=paint)


def _machine(decision: Decision, eta: str, comparison: Comparison | None) -> Row:
    before, after = wording.from_and_to(decision)
    tone = _TONES[decision.effect]
    cells = (
        Cell(decision.ref.namespace),
        Cell(decision.ref.name),
        Cell(before),
        Cell(after),
        Cell(decision.effect, tone),
        Cell(decision.reason),
        Cell(eta),
        Cell(wording.location(decision.at), Tone.FAINT),
    )
    return Row(cells if comparison is None else (*cells, base_cell(decision, comparison)))


def _surprising(decision: Decision) -> bool:
    """Return whether a planned change is explained below the table, even without ``--verbose``."""
    return decision.effect not in _EXPECTED or bool(decision.warnings)


def _explanation(decision: Decision, *, verbose: bool) -> object:
    """Return a key for grouping planned changes; changes with equal keys share an explanation."""
    if verbose or decision.changes[1:]:
        return decision.ref
    return decision.effect, decision.reason, decision.why, decision.warnings


def _why(alike: Sequence[Decision], paint: Paint, *, width: int, verbose: bool) -> Iterator[str]:
    decision = alike[0]
    names = printable(listed((wording.name_of(each.ref) for each in alike), _MAX_ALIKE))
    yield f"  {names}: {paint(f'{decision.effect}, {decision.reason}', _TONES[decision.effect])}"
    yield from paragraph(decision.why.message, width=width, indent="    ")
    # The rollout waves show the changes that the plan writes; list here only the other changes.
    if len(decision.changes) > 1 and not decision.actions:
        for change in decision.changes:
            yield from _change(change, width=width)
    for warning in decision.warnings:
        yield from paragraph(warning, width=width, indent="    ", label="warning: ")
    if verbose:
        known = CATALOGUE[decision.reason]
        yield from paragraph(known.where, width=width, indent="    ", label=f"{known.mark}: ")
    if decision.owner and verbose:
        yield from paragraph(decision.owner, width=width, indent="    ", label="now set by: ")
    if decision.why.hint:
        yield from paragraph(decision.why.hint, width=width, indent="    ", label="hint: ")


def _summary(plan: Plan, paint: Paint, *, width: int) -> Iterator[str]:
    line = f"Plan: {wording.counts(plan.summary)}. {wording.costs(plan.forecast)}".rstrip()
    followed = sum(each.effect is Effect.WAIT and not each.changes for each in plan.decisions)
    if not plan.waves:
        line += f" Nothing to write; {followed} in progress." if followed else " Nothing to apply."
    yield from (paint(each, Tone.STRONG) for each in paragraph(line, width=width))
    if plan.forecast.migrations:
        for assumption in plan.forecast.assumptions:
            yield from paragraph(assumption, width=width, indent="  ", label="assumes: ")
        yield from paragraph(wording.NO_CANCEL, width=width)
    if plan.skipped:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(plan.skipped.items()))
        yield from paragraph(f"Ignored, because their kind is not managed: {kinds}.", width=width)
