"""``gitlab_code_quality``: renders code review findings as a GitLab Code Quality report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable
from reconciler.model.diagnostic import Severity
from reconciler.model.plan.comparison import BaselineState
from reconciler.report.json_text import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.references import Location
    from reconciler.report.code_review.review import Review, ReviewFinding

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}
_DESCRIPTION = 2000
"""The maximum length of a finding's description, in characters."""


def gitlab_code_quality(review: Review) -> Iterator[str]:
    """Render code review findings as a GitLab Code Quality report, in pieces of JSON text.

    GitLab requires a line for each entry, so the list omits findings without a line in Git;
    ``Review.without_line`` counts the omitted findings. Findings that also exist
    in the base commit stay in the list with the lowest severity, because GitLab would otherwise
    report them as resolved.
    """
    found = (each for each in review.findings if each.state is not BaselineState.ABSENT)
    return pieces(_entry(each, each.at) for each in found if each.at is not None)


def _entry(finding: ReviewFinding, at: Location) -> dict[str, Any]:
    known = finding.state is BaselineState.UNCHANGED
    message = f"Also in the base commit: {finding.message}" if known else finding.message
    return {
        "description": printable(message, _DESCRIPTION),
        "check_name": printable(finding.rule),
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[Severity.NOTE if known else finding.level],
        "location": {"path": at.path, "lines": {"begin": max(1, at.line)}},
    }
