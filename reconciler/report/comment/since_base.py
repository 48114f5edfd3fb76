"""Renders how a plan differs from the plan of the base commit, for pull request comments.

If the JSON plan contains no comparison with a base commit, all changes count as added by the pull
request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.model.plan.comparison import ADDED, BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.report import wording
from reconciler.report.comment.comment_layout import NAME, SENTENCE, VALUE, head, row
from reconciler.report.comment.document_values import (
    VM,
    location_text,
    qualified_name,
    sizes,
    value_text,
)
from reconciler.report.comment.folded_groups import Group
from reconciler.report.comparison.base_wording import EDITED, indirect_sentence, unplanned
from reconciler.report.markdown_budget import render_up_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ALL_NEW: Mapping[str, Any] = {
    "state": BaselineState.NEW,
    "edited": True,
    "effect": None,
    "reason": None,
    "target": None,
}
"""The value for objects whose JSON has no field ``baseline``: they count as new and edited."""
STATE_TITLE = "Since base"
"""The title of the table column that says how each VM differs from the base commit."""


def is_added(entry: Mapping[str, Any]) -> bool:
    """Return whether an object or a manifest problem is new or updated since the base commit."""
    baseline = entry.get("baseline", BaselineState.NEW)
    return (baseline if isinstance(baseline, str) else baseline["state"]) in ADDED


def baseline_of(each: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how an object differs from the base commit; if unknown, the object counts as new."""
    found: Mapping[str, Any] = each.get("baseline", _ALL_NEW)
    return found


def is_edited(change: Mapping[str, Any]) -> bool:
    """Return whether a value was edited in Git since the base commit, or True if unknown."""
    return bool(change.get("edited", True))


def state_cells(each: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the table cell that says how an object differs from the base commit.

    The result is empty if the plan is not compared with a base commit.
    """
    if "baseline" not in each:
        return ()
    baseline = each["baseline"]
    return (inline(f"{baseline['state']} {EDITED}" if baseline["edited"] else baseline["state"]),)


def pending_before(document: Mapping[str, Any]) -> str:
    """Return how many changes were already pending in the base commit, such as ``3 live``."""
    comparison = document.get("comparison")
    counts = comparison["summary"][BaselineState.UNCHANGED] if comparison else {}
    return ", ".join(f"{n} {effect}" for effect, n in counts.items())


def base_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield paragraphs about the base commit and about changes that are no longer pending."""
    comparison = document.get("comparison")
    if comparison is None:
        return
    base, absent = comparison["base"], comparison["summary"][BaselineState.ABSENT]
    commit = code(wording.origin(base["revision"], dirty=False), VALUE)
    requested = code(base["requested"], VALUE)
    yield f"\nCompared with the plan of {commit}, the merge base with {requested}."
    if base["unplanned"]:
        yield f"\n**{inline(_capital(unplanned(base['unplanned'])), SENTENCE)}.**"
    if absent:
        counts = ", ".join(f"{n} {effect}" for effect, n in absent.items())
        yield f"\nNo longer pending with this pull request: {inline(counts, SENTENCE)}."
    moved = [
        each
        for each in document["objects"]
        if is_added(each) and each["effect"] != Effect.NONE and not baseline_of(each)["edited"]
    ]
    if moved:
        kubevirt = any(
            baseline_of(each)["edited"] for each in document["objects"] if each["kind"] != VM
        )
        words = indirect_sentence(
            map(qualified_name, moved),
            len(moved),
            kubevirt=kubevirt,
            config=comparison["configEdited"],
        )
        yield f"\n{inline(words, SENTENCE)}"


def base_groups(document: Mapping[str, Any], limit: int) -> Iterator[Group]:
    """Yield the collapsed sections about changes that were pending before the pull request."""
    comparison = document.get("comparison")
    if comparison is None:
        return
    yield from _gone(document, comparison, limit)
    objects = [
        each
        for each in document["objects"]
        if not is_added(each) and each["effect"] != Effect.NONE
    ]
    objects.sort(key=lambda each: wording.ATTENTION.index(Effect(each["effect"])))
    if objects:
        yield Group(
            title="Already pending before this pull request: "
            f"{inline(pending_before(document), SENTENCE)}",
            head=head("Object", "From", "To", "Effect", "Reason", "Where"),
            rows=render_up_to(objects, _pending, limit),
            total=len(objects),
        )


def _pending(each: Mapping[str, Any]) -> str:
    before, after = sizes(each)
    at = each["changes"][0]["at"] if each["changes"] else each["at"]
    return row(
        code(qualified_name(each), 2 * NAME),
        inline(before, VALUE),
        inline(after, VALUE),
        f"**{inline(each['effect'])}**",
        inline(each["reason"]),
        code(location_text(at), VALUE) if at else "-",
    )


def _gone(
    document: Mapping[str, Any], comparison: Mapping[str, Any], limit: int
) -> Iterator[Group]:
    """Yield the collapsed section about changes and problems only in the base commit's plan."""
    kept = [
        {**each, "message": "nothing to do", **baseline_of(each)}
        for each in document["objects"]
        if baseline_of(each)["state"] == BaselineState.ABSENT
    ]
    removed = [
        {**each, "message": "the plan no longer contains it"} for each in comparison["removed"]
    ]
    objects: Sequence[Mapping[str, Any]] = [*kept, *removed]
    problems = comparison["absentDiagnostics"]
    rows = [
        *render_up_to(objects, _lost, limit),
        *render_up_to(problems, _solved, limit),
    ]
    total = len(objects) + len(problems)
    if total:
        yield Group(
            title=f"Only in the base commit, no longer with this pull request: {total}",
            head=head("Object", "In the base commit", "Target there", "Now"),
            rows=tuple(rows),
            total=total,
        )


def _lost(each: Mapping[str, Any]) -> str:
    target = "-" if each["target"] is None else value_text(each["target"], memory=True)
    return row(
        code(qualified_name(each), 2 * NAME),
        f"**{inline(each['effect'] or '-')}**: {inline(each['reason'] or '-')}",
        inline(target, VALUE),
        inline(each["message"], SENTENCE),
    )


def _solved(each: Mapping[str, Any]) -> str:
    name = qualified_name(each["object"]) if each["object"] else location_text(each["at"])
    return row(
        code(name, 2 * NAME) if name else "-",
        f"**{inline(each['severity'])}**: {code(each['code'], VALUE)}",
        "-",
        inline(f"no longer reported: {each['message']}", SENTENCE),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
