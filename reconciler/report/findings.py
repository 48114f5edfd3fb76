"""Renders diagnostics of the desired state as text, and as the JSON of ``validate``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import printable
from reconciler.model.diagnostic import Severity
from reconciler.model.live.snapshot_age import SNAPSHOT_AGE
from reconciler.model.phrases import plural
from reconciler.model.plan.comparison import BaselineState
from reconciler.model.references import Location
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.report.comparison.base_wording import ON_BASE
from reconciler.report.json_documents import API_VERSION, commit_document, diagnostic_document
from reconciler.report.json_text import dumps
from reconciler.report.terminal_layout import Paint, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.plan.comparison import Comparison

_TONES = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.WARN, Severity.NOTE: Tone.NOTE}
_NOWHERE = Location(path="", line=0, column=0)
_ABOUT_PLAN = frozenset({SNAPSHOT_AGE, *RefusalReason})
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def validation_text(desired: DesiredState, *, color: bool = False) -> str:
    """Return the problems in the desired state and a summary line, as text.

    The text ends in a line feed. Lines are never wrapped, so that programs can parse
    ``path:line:column``.
    """
    found = finding_lines(desired.diagnostics, Paint(enabled=color))
    lines = [*found, printable(validation_summary(desired))]
    return "\n".join(lines) + "\n"


def validation_json(desired: DesiredState) -> str:
    """Return the problems in the desired state and the number of objects, as JSON."""
    totals = Counter(each.severity for each in desired.diagnostics)
    return dumps(
        {
            "apiVersion": API_VERSION,
            "kind": "Validation",
            "revision": desired.revision,
            "dirty": desired.dirty,
            "commit": commit_document(desired.in_force),
            "valid": desired.valid,
            "summary": {str(severity): totals[severity] for severity in Severity},
            "objects": {
                "KubeVirt": 0 if desired.kubevirt is None else 1,
                "VirtualMachine": len(desired.vms),
            },
            "diagnostics": list(map(diagnostic_document, by_location(desired.diagnostics))),
            "skipped": dict(sorted(desired.skipped.items())),
            "ignored": desired.ignored,
        }
    )


def finding_lines(
    diagnostics: Sequence[Diagnostic], paint: Paint, comparison: Comparison | None = None
) -> Iterator[str]:
    """Yield each diagnostic as lines of text, ordered by file and line.

    With a *comparison*, the problems that the base has as well are marked.
    """
    for each in by_location(diagnostics):
        where = f"{each.at}: " if each.at else ""
        code = paint(f"{each.severity}[{printable(each.code)}]", _TONES[each.severity])
        what = f"{each.ref}: " if each.ref else ""
        known = comparison and comparison.diagnostic_state(each) is BaselineState.UNCHANGED
        mark = f" {ON_BASE}" if known else ""
        yield f"{printable(where)}{code} {printable(what)}{printable(each.message)}{mark}"
        yield from (f"  {printable(line)}" for line in each.context)
        if each.hint:
            yield f"  hint: {printable(each.hint)}"


def by_location(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Sort diagnostics by file, line and column; those without a location come last.

    A problem of the whole plan comes first.
    """

    def key(each: Diagnostic) -> tuple[bool, bool, str, int, int, int]:
        at, first = each.at or _NOWHERE, is_about_plan(each)
        return not first, each.at is None, at.path, at.line, at.column, _RANK[each.severity]

    return sorted(diagnostics, key=key)


def is_about_plan(diagnostic: Diagnostic) -> bool:
    """Return whether a diagnostic affects the whole plan and is therefore shown at the top."""
    return diagnostic.code in _ABOUT_PLAN


def validation_summary(desired: DesiredState) -> str:
    """Return one line: whether the desired state is valid, and how many objects were read."""
    totals = Counter(each.severity for each in desired.diagnostics)
    found = ", ".join(plural(totals[each], each) for each in Severity if totals[each])
    read = "1 KubeVirt, " if desired.kubevirt is not None else ""
    read += plural(len(desired.vms), "VirtualMachine")
    kinds = [f"{n} {kind}" for kind, n in sorted(desired.skipped.items())]
    if desired.ignored:
        kinds.append(f"{desired.ignored} without a Kubernetes object")
    parts = [
        f"{'Valid' if desired.valid else 'Invalid'}: {read}",
        *([found] if found else ()),
        *([f"skipped: {', '.join(kinds)}"] if kinds else ()),
    ]
    return "; ".join(parts)
