"""Renders the problems in the desired state as text, and as JSON for the command ``validate``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.escaping import printable
from reconciler.model.diagnostic import Severity
from reconciler.model.live.snapshot_age import SNAPSHOT_AGE
from reconciler.model.phrases import plural
from reconciler.model.plan.comparison import ADDED, BaselineState
from reconciler.model.references import Location
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.report.comparison.base_wording import ON_BASE, base_commit
from reconciler.report.comparison.comparison_document import base_document, found_document
from reconciler.report.json_documents import commit_document
from reconciler.report.json_text import dumps
from reconciler.report.json_values import API_VERSION, diagnostic_document
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


def validation_text(
    desired: DesiredState, comparison: Comparison | None = None, *, color: bool = False
) -> str:
    """Render the problems in the desired state and a summary line as text.

    The text ends with a newline. Lines are never wrapped, so that programs can parse
    ``path:line:column``.
    """
    found = finding_lines(desired.diagnostics, Paint(enabled=color), comparison)
    lines = [*found, printable(validation_summary(desired, comparison))]
    return "\n".join(lines) + "\n"


def validation_json(desired: DesiredState, comparison: Comparison | None = None) -> str:
    """Convert the problems in the desired state and the number of objects to JSON."""
    totals = Counter(each.severity for each in desired.diagnostics)
    absent = comparison.absent_diagnostics if comparison else ()
    more = comparison and {
        "base": base_document(comparison.base),
        "absentDiagnostics": list(map(diagnostic_document, absent)),
    }
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
            "diagnostics": [
                found_document(each, comparison) for each in by_location(desired.diagnostics)
            ],
            "skipped": dict(sorted(desired.skipped.items())),
            "ignored": desired.ignored,
            **({"comparison": more} if more else {}),
        }
    )


def finding_lines(
    diagnostics: Sequence[Diagnostic], paint: Paint, comparison: Comparison | None = None
) -> Iterator[str]:
    """Render reported problems as lines of text, ordered by file and line.

    If *comparison* is given, problems that also exist in the base commit are marked.
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
    """Sort manifest problems by file, line and column; problems without a location come last.

    A problem that concerns the whole plan comes first.
    """

    def key(each: Diagnostic) -> tuple[bool, bool, str, int, int, int]:
        at, first = each.at or _NOWHERE, is_about_plan(each)
        return not first, each.at is None, at.path, at.line, at.column, _RANK[each.severity]

    return sorted(diagnostics, key=key)


def is_about_plan(diagnostic: Diagnostic) -> bool:
    """Return whether a problem concerns the whole plan, so that it is listed first."""
    return diagnostic.code in _ABOUT_PLAN


def validation_summary(desired: DesiredState, comparison: Comparison | None = None) -> str:
    """Return a line that says whether the desired state is valid, with the number of problems."""
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
    if comparison is not None:
        states = [comparison.diagnostic_state(each) for each in desired.diagnostics]
        added, gone = sum(each in ADDED for each in states), len(comparison.absent_diagnostics)
        commit = base_commit(comparison.base.requested, comparison.base.revision)
        parts.append(f"since {commit}: {added} new or updated, {gone} no longer reported")
    return "; ".join(parts)
