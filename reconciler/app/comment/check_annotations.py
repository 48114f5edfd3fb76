"""``plan_annotations``: builds the messages that a GitHub check run shows at lines of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable, printable_lines
from reconciler.forge.check_run import Annotation, AnnotationLevel
from reconciler.model.diagnostic import Severity
from reconciler.model.plan.plan import Effect
from reconciler.report.comment.document_values import qualified_name, sizes
from reconciler.report.comment.since_base import is_added
from reconciler.report.json_text import compact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_ANNOTATIONS = 500
"""The maximum number of annotations in a check run; sending them takes ten requests."""
_LEVELS: Mapping[str, AnnotationLevel] = {
    Severity.ERROR: AnnotationLevel.FAILURE,
    Severity.WARNING: AnnotationLevel.WARNING,
    Severity.NOTE: AnnotationLevel.NOTICE,
    Effect.BLOCKED: AnnotationLevel.FAILURE,
    Effect.RESTART: AnnotationLevel.WARNING,
}
_ORDER = tuple(AnnotationLevel)
_NAME, _SENTENCE = 253, 4000
_STDIN = "stdin"


def plan_annotations(document: Mapping[str, Any]) -> tuple[tuple[Annotation, ...], int]:
    """Convert a plan to messages at lines of the pull request, which GitHub calls annotations.

    Returns the annotations, the most urgent ones first, and the number of omitted ones. A finding
    without a line in Git gets no annotation. If the plan was compared with the base
    commit's plan, only the findings that the pull request adds get annotations.
    """
    found = sorted(_annotations(document), key=lambda each: _ORDER.index(each.level))
    return tuple(found[:MAX_ANNOTATIONS]), max(0, len(found) - MAX_ANNOTATIONS)


def _annotations(document: Mapping[str, Any]) -> Iterator[Annotation]:
    for each in filter(is_added, document["diagnostics"]):
        if _has_line(each["at"]):
            name = f"{qualified_name(each['object'])}: " if each["object"] else ""
            yield _annotation(each["at"], each["severity"], f"{name}{each['code']}", each)
    for each in filter(is_added, document["objects"]):
        at = next((change["at"] for change in each["changes"] if change["at"]), each["at"])
        if each["effect"] != Effect.NONE and _has_line(at):
            before, after = sizes(each)
            change = "" if (before, after) == ("-", "-") else f", {before} to {after}"
            title = f"{qualified_name(each)}: {each['effect']}{change}"
            patch = "\n".join(map(compact, each["patch"] or ()))
            yield _annotation(at, each["effect"], title, each, patch)


def _annotation(
    at: Mapping[str, Any], level: str, title: str, each: Mapping[str, Any], details: str = ""
) -> Annotation:
    text = f"{each['message']}; {each['hint']}" if each["hint"] else str(each["message"])
    reason = each.get("reason") or each.get("code") or ""
    return Annotation(
        path=at["path"],
        line=max(1, at["line"]),
        column=at["column"],
        level=_LEVELS.get(level, AnnotationLevel.NOTICE),
        title=printable(title, _NAME),
        message=printable(f"{text} ({reason})", _SENTENCE),
        details=printable_lines(details),
    )


def _has_line(at: Mapping[str, Any] | None) -> bool:
    """Return whether a location has a line number and a file name that GitHub can show."""
    return at is not None and at["path"] != _STDIN and printable(at["path"]) == at["path"]
