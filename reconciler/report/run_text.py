"""``run_text``: renders a run report for a terminal, with the result for each object."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import printable
from reconciler.model.phrases import plural
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.report import wording
from reconciler.report.plan_text import heading
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
    from collections.abc import Iterator, Mapping

    from reconciler.model.references import ObjectRef
    from reconciler.model.run.outcome import MigrationSummary, Outcome, RunReport

_ORDER = (
    Result.FAILED,
    Result.STALE,
    Result.HELD,
    Result.RUNNING,
    Result.NOT_STARTED,
    Result.WRITTEN,
    Result.DONE,
)
"""The order of results in the table, most urgent first."""

_TONES = {
    Result.DONE: Tone.GOOD,
    Result.FAILED: Tone.BAD,
    Result.RUNNING: Tone.NOTE,
    Result.WRITTEN: Tone.NOTE,
    Result.HELD: Tone.WARN,
    Result.STALE: Tone.WARN,
    Result.NOT_STARTED: Tone.FAINT,
}
_HEAD = ("RESULT", "NAMESPACE", "NAME", "GUEST", "WANTED", "TIME", "REASON", "MIGRATION")
_LEAST = ("MIGRATION", "TIME", "GUEST")
"""The columns to omit on a narrow terminal, least important first."""
_MAX_ALIKE = 10
"""The maximum number of objects that are listed for each reason why objects were not changed."""


def run_text(
    run: RunReport, *, width: int = 120, color: bool = False, verbose: bool = False
) -> Iterator[str]:
    """Render a run report as lines of text, each with a final newline.

    Args:
        run: The run report to render.
        width: The width of the terminal in characters.
        color: Whether to add ANSI color codes.
        verbose: Whether to also list the objects that already matched the desired state before the
            run.
    """
    return with_line_feeds(_lines(run, Paint(enabled=color), width=width, verbose=verbose))


def _lines(run: RunReport, paint: Paint, *, width: int, verbose: bool) -> Iterator[str]:
    yield paint(printable(f"Run {run.run_id}"), Tone.STRONG)
    took = wording.duration((run.ended_at - run.started_at).total_seconds())
    yield f"  {wording.utc_time(run.started_at)}, took {took}"
    yield from heading(run.plan, paint, width=width)
    for note in run.notes:
        yield from paragraph(note, width=width, indent="  ", label="note: ")
    shown = [each for each in run.outcomes if verbose or not _untouched(each)]
    shown.sort(key=lambda each: _ORDER.index(each.result))
    if shown:
        yield ""
        wanted = {each.ref: wording.from_and_to(each)[1] for each in run.plan.decisions}
        most = len(shown) if verbose else _MAX_ALIKE
        rows = list(_rows(shown, wanted, commit=run.plan.revision, most=most))
        yield from table(_HEAD, rows, width=width, wrap=(), drop=_LEAST, paint=paint)
    yield ""
    totals = Counter(each.result for each in run.outcomes)
    words = ", ".join(f"{totals[each]} {_word(each)}" for each in _ORDER if totals[each])
    yield paint(f"Run: {words or 'nothing to do'}.", Tone.STRONG)
    hidden = sum(map(_untouched, run.outcomes)) if not verbose else 0
    if hidden:
        yield f"Not listed: {plural(hidden, 'object')} that already matched Git."
    yield from _exit(run, paint, width=width)


def _rows(
    outcomes: list[Outcome], wanted: Mapping[ObjectRef, str], *, commit: str, most: int
) -> Iterator[Row]:
    """Yield one table row for each object; a note about several objects follows their last row.

    Of the objects that were not changed for the same reason, at most *most* are listed, and the
    rest are counted. *commit* is the commit that the run applied.
    """
    alike: dict[tuple[Result, tuple[str, ...]], list[Outcome]] = {}
    for each in outcomes:
        alike.setdefault((each.result, _notes(each, commit)), []).append(each)
    for (result, notes), group in alike.items():
        quiet = result in (Result.HELD, Result.NOT_STARTED, Result.WRITTEN)
        listed = group[:most] if quiet else group
        more = len(group) - len(listed)
        *others, last = (_cells(each, wanted) for each in listed)
        yield from map(Row, others)
        rest = (f"and {more} more objects with this result",) if more > 0 else ()
        yield Row(last, (*notes, *rest))


def _notes(outcome: Outcome, commit: str) -> tuple[str, ...]:
    notes = [outcome.why.message] if outcome.why.message else []
    if outcome.revision not in ("", commit):
        notes.append(f"changed by commit {outcome.revision[:12]}")
    counted = f"{plural(outcome.failed_migrations, 'migration')} failed"
    if outcome.failed_migrations and counted not in outcome.why.message:
        notes.append(f"failed migrations: {outcome.failed_migrations}")
    if outcome.migration and outcome.migration.failure_reason:
        notes.append(f"last migration: {outcome.migration.failure_reason}")
    if outcome.why.hint:
        notes.append(f"hint: {outcome.why.hint}")
    return tuple(notes)


def _cells(outcome: Outcome, wanted: Mapping[ObjectRef, str]) -> tuple[Cell, ...]:
    name = outcome.ref.name
    return (
        Cell(_word(outcome.result).upper(), _TONES[outcome.result]),
        Cell(outcome.ref.namespace),
        Cell(name if outcome.ref.is_vm else f"{outcome.ref.kind} {name}"),
        Cell(_guest(outcome)),
        Cell(wanted.get(outcome.ref, "-") if outcome.ref.is_vm else "-"),
        Cell("-" if outcome.seconds is None else wording.duration(outcome.seconds)),
        Cell(outcome.reason),
        Cell(_migration(outcome.migration), Tone.FAINT),
    )


def _untouched(outcome: Outcome) -> bool:
    return outcome.result is Result.DONE and outcome.effect == "none"


def _guest(outcome: Outcome) -> str:
    if outcome.guest_before is None and outcome.guest_now is None:
        return "-"
    before = "-" if outcome.guest_before is None else wording.spelled(outcome.guest_before)
    now = "-" if outcome.guest_now is None else wording.spelled(outcome.guest_now)
    return now if before == now else f"{before} -> {now}"


def _migration(migration: MigrationSummary | None) -> str:
    if migration is None:
        return "-"
    nodes = wording.nodes(migration.source_node, migration.target_node)
    return f"{migration.name}{nodes} ({migration.phase or 'no phase yet'})"


def _word(result: Result) -> str:
    return result.replace("-", " ")


def _exit(run: RunReport, paint: Paint, *, width: int) -> Iterator[str]:
    tone = Tone.GOOD if run.exit is ExitCode.DONE else Tone.WARN
    if run.exit in (ExitCode.ERROR, ExitCode.FAILED, ExitCode.INVALID):
        tone = Tone.BAD
    code = paint(f"Exit code {run.returned.value}", tone)
    yield f"{code}: {wording.verdict(run)}."
    if run.excused:
        yield from paragraph(wording.excuse(run.exit), width=width, indent="  ")
    if run.message:
        yield from paragraph(run.message, width=width, indent="  ")
