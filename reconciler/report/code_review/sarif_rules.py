"""``rules_of``: describes reasons and manifest problems as the rules of a SARIF file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.escaping import sarif_text, uri_path
from reconciler.model.diagnostic import Severity
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report.code_review.diagnostic_meanings import MEANINGS
from reconciler.report.code_review.review import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.plan.plan import Effect, Reason
    from reconciler.report.code_review.review import ReviewFinding

_FIRST_SENTENCE = re.compile(r".*?[.](?=\s|$)", re.DOTALL)
_SEVERITIES = {
    Severity.ERROR: "Part of the desired state is invalid, or was not planned.",
    Severity.WARNING: "A problem that does not prevent a plan.",
    Severity.NOTE: "A fact about the desired state, the cluster or the plan.",
}
LEVEL_NAMES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
"""The SARIF level for each severity."""


def rules_of(findings: Iterable[ReviewFinding], docs_url: str = "") -> dict[str, dict[str, Any]]:
    """Build the SARIF rules to which findings refer, keyed by rule ID, in order of first use.

    Each rule links to *docs_url* followed by the rule's code. If *docs_url* is empty, the rule has
    only a help text.
    """
    rules: dict[str, dict[str, Any]] = {}
    for each in findings:
        if each.rule not in rules:
            rules[each.rule] = _rule(each, docs_url)
    return rules


def _rule(finding: ReviewFinding, docs_url: str) -> dict[str, Any]:
    about = (
        _reason(finding.reason, finding.effect)
        if finding.reason and finding.effect
        else _diagnostic(finding)
    )
    link = {"helpUri": f"{docs_url.rstrip('/')}/{uri_path(finding.code)}"} if docs_url else {}
    return {
        "id": sarif_text(finding.rule),
        "name": "".join(each.capitalize() for each in re.split(r"[^A-Za-z0-9]+", finding.code)),
        **about,
        **link,
        "defaultConfiguration": {"level": LEVEL_NAMES[finding.level]},
    }


def _reason(reason: Reason, effect: Effect) -> dict[str, Any]:
    entry = CATALOGUE[reason]
    first = _FIRST_SENTENCE.match(entry.meaning)
    versions = f"{entry.since} to {entry.until}" if entry.until else f"{entry.since} and later"
    help_parts = [
        entry.meaning,
        *([f"What to do: {entry.action}"] if entry.action else ()),
        f"Evidence ({entry.mark}): {entry.where}.",
        f"Applies to KubeVirt {versions}.",
    ]
    return {
        "shortDescription": {"text": _plain(first[0] if first else entry.meaning)},
        "fullDescription": {"text": _plain(entry.meaning)},
        "help": {
            "text": _plain("\n\n".join(help_parts)),
            "markdown": "\n\n".join(help_parts),
        },
        "properties": {
            "tags": ["memory", str(effect)],
            "effectLevel": LEVEL_NAMES[LEVELS[effect]],
        },
    }


def _diagnostic(finding: ReviewFinding) -> dict[str, Any]:
    meaning = MEANINGS.get(finding.code, "a problem without a description")
    text = f"{meaning[0].upper()}{meaning[1:]}."
    help_parts = (text, _SEVERITIES[finding.level], "The message of each result says what to do.")
    return {
        "shortDescription": {"text": _plain(text)},
        "fullDescription": {"text": _plain(text)},
        "help": {"text": _plain("\n\n".join(help_parts)), "markdown": "\n\n".join(help_parts)},
        "properties": {"tags": ["memory", "diagnostic"]},
    }


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")
