"""Reported manifest problems are sorted by location and contain no control characters."""

from __future__ import annotations

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import Location
from reconciler.report.findings import by_location, finding_lines
from reconciler.report.terminal_layout import Paint


def test_reported_manifest_problems_are_sorted_by_file_and_line():
    def finding(path, line):
        at = Location(path=path, line=line, column=1) if path else None
        return Diagnostic(severity=Severity.ERROR, code="c", message="m", at=at)

    unsorted = [finding("", 0), finding("b", 2), finding("a", 10), finding("a", 9)]
    places = [str(each.at) for each in by_location(unsorted)]
    assert places == ["a:9:1", "a:10:1", "b:2:1", "None"]


def test_reported_manifest_problem_escapes_control_characters():
    finding = Diagnostic(severity=Severity.ERROR, code="c", message="bad \x1b[2J", hint="do\tit")
    assert list(finding_lines([finding], Paint(enabled=False))) == [
        "error[c] bad \\x1b[2J",
        "  hint: do it",
    ]
