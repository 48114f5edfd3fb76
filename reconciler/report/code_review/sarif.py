"""``sarif``: renders findings as SARIF 2.1.0, for GitHub code scanning and for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import sarif_text, uri_path
from reconciler.model.phrases import plural
from reconciler.report.code_review.sarif_rules import LEVEL_NAMES, rules_of
from reconciler.report.json_text import pieces
from reconciler.report.json_values import identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.references import Location
    from reconciler.report.code_review.review import Review, ReviewFinding

MAX_RESULTS = 25_000
"""The maximum number of results in a SARIF run; GitHub accepts no more, and shows 5,000."""

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_MESSAGE = 2000
"""The maximum length of one SARIF message, in characters."""
_ROOT = "REPOSITORY"
"""The SARIF name of the repository's root directory, to which paths are relative."""


def sarif(
    review: Review, version: str, *, docs_url: str = "", limit: int = MAX_RESULTS
) -> Iterator[str]:
    """Render code review findings as a SARIF file with one run, in pieces of JSON text.

    A finding without a line in Git becomes a tool notification. Results beyond *limit* are
    omitted, and a notification counts them. If the plan is compared with a base commit, each
    result has a ``baselineState``.

    Args:
        review: The findings to render, most important first.
        version: The version of this program.
        docs_url: The http or https URL of the documentation; each rule links to this URL followed
            by the rule's code.
        limit: The maximum number of SARIF results.
    """
    return pieces(_document(review, version, docs_url, limit))


def _document(review: Review, version: str, docs_url: str, limit: int) -> dict[str, Any]:
    rules = rules_of(review.findings, docs_url)
    index = {name: number for number, name in enumerate(rules)}
    at_lines = [each for each in review.findings if each.at is not None]
    notes = [_notification(each, index) for each in review.findings if each.at is None]
    if len(at_lines) > limit:
        rest = plural(len(at_lines) - limit, "more result")
        text = f"{rest} are left out, because the limit is {limit} results."
        notes.append({"level": "warning", "message": {"text": text}})
    properties = {
        "summary": review.summary,
        "revision": review.revision,
        "cluster": review.cluster,
        "digest": review.digest,
        "base": review.base,
    }
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "reconciler",
                        "version": version,
                        **({"informationUri": docs_url} if docs_url else {}),
                        "rules": list(rules.values()),
                    }
                },
                # GitHub replaces earlier results of the same category, so each cluster has its own
                # category.
                "automationDetails": {"id": _category(review)},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {
                    _ROOT: {"description": {"text": "The root directory of the Git repository."}}
                },
                "invocations": [
                    {"executionSuccessful": True, "toolExecutionNotifications": notes}
                ],
                "properties": {key: value for key, value in properties.items() if value},
                "results": (_result(each, index) for each in at_lines[:limit]),
            }
        ],
    }


def _category(review: Review) -> str:
    cluster = f"{sarif_text(review.cluster)}/" if review.cluster else ""
    return f"reconciler-{review.command}/{cluster}"


def _result(finding: ReviewFinding, index: Mapping[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": sarif_text(finding.rule),
        "ruleIndex": index[finding.rule],
        "level": LEVEL_NAMES[finding.level],
        "message": {"text": sarif_text(finding.message, _MESSAGE)},
        "locations": [_location(each) for each in (finding.at,) if each],
    }
    if finding.related:
        result["relatedLocations"] = [
            {
                "id": number,
                **_location(each.at),
                "message": {"text": sarif_text(f"{each.text}.", _MESSAGE)},
            }
            for number, each in enumerate(finding.related)
        ]
    if finding.state is not None:
        result["baselineState"] = str(finding.state)
    result["partialFingerprints"] = {"reconcilerFinding/v1": finding.fingerprint}
    return {**result, **_properties(finding, {})}


def _notification(finding: ReviewFinding, index: Mapping[str, int]) -> dict[str, Any]:
    rule = {"id": sarif_text(finding.rule), "index": index[finding.rule]}
    # SARIF notifications have no baselineState, so the message and a property contain the state.
    state = {"baselineState": str(finding.state)} if finding.state else {}
    return {
        "level": LEVEL_NAMES[finding.level],
        "message": {"text": sarif_text(finding.message, _MESSAGE)},
        "associatedRule": rule,
        **_properties(finding, state),
    }


def _properties(finding: ReviewFinding, more: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(more)
    if finding.ref is not None:
        found["object"] = identity(finding.ref)
    if finding.effect is not None:
        found["effect"] = str(finding.effect)
        if finding.state is not None:
            found["edited"] = finding.edited
    return {"properties": found} if found else {}


def _location(at: Location) -> dict[str, Any]:
    artifact = (
        {"uri": f"file://{uri_path(at.path)}"}
        if at.path.startswith("/")
        else {"uri": uri_path(at.path), "uriBaseId": _ROOT}
    )
    region = {"startLine": max(1, at.line), "startColumn": max(1, at.column)}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
