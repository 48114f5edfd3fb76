"""``plan_comment``: renders a JSON plan as a comment on a pull request.

The first line is a summary. The problems that a user must solve come next, followed by a
collapsible section for each namespace. To stay within the size limit, a comment omits rows and
states how many.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.escaping import markdown_json_block
from reconciler.model.diagnostic import Severity
from reconciler.model.live.snapshot_age import SNAPSHOT_AGE
from reconciler.model.plan.plan import Effect, Reason, Verb
from reconciler.model.quantity import human
from reconciler.report import wording
from reconciler.report.comment.comment_layout import (
    NAME,
    SENTENCE,
    VALUE,
    assembled,
    head,
    row,
)
from reconciler.report.comment.document_values import (
    VM,
    added_bytes,
    location_text,
    qualified_name,
    sizes,
    value_text,
)
from reconciler.report.comment.folded_groups import Group
from reconciler.report.comment.headline import plan_headline
from reconciler.report.comment.problem_table import Problem, problem_tables
from reconciler.report.comment.since_base import (
    STATE_TITLE,
    base_groups,
    base_lines,
    is_added,
    pending_before,
    state_cells,
)
from reconciler.report.comparison.base_wording import EDITED, ON_BASE
from reconciler.report.json_text import compact
from reconciler.report.markdown_budget import render_up_to, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_PATCH = 4000
"""The maximum size of one patch in a comment, in bytes."""
_ORDER = {effect: number for number, effect in enumerate(wording.ATTENTION)}


def plan_comment(
    document: Mapping[str, Any], *, cluster_name: str | None, link: str, limit: int
) -> str:
    """Render the pull request comment for a JSON plan, within a size limit.

    Args:
        document: The plan, which conforms to ``schemas/plan.schema.json``.
        cluster_name: The name to show instead of the cluster's UID, or None.
        link: The URL of the complete plan, or an empty string.
        limit: The maximum size of the comment in bytes of UTF-8.
    """
    summary = plan_headline(document, cluster_name)
    acting = [
        each for each in document["objects"] if each["effect"] != Effect.NONE and is_added(each)
    ]
    problems, each_problem = problem_tables(_problems(document, acting), located=True, limit=limit)
    digest, uid = document["digest"], code(document["cluster"], VALUE)
    command = f"reconciler apply --expect-digest {digest}"
    approve = f"Approve exactly this plan with {code(command, VALUE)}"
    if pending := pending_before(document):
        approve += f". The plan includes what was already pending: {inline(pending, SENTENCE)}"
    opening = [
        summary.markdown(),
        "",
        (
            f"The cluster{f' {uid}' if cluster_name else ''} was read at "
            f"{wording.utc_time(datetime.fromisoformat(document['observedAt']))}; it runs "
            f"KubeVirt {inline(document['kubevirt']['version'] or 'of an unknown version')}."
        ),
    ]
    everything = document["diagnostics"]
    opening += [
        f"\n**Warning:** {inline(each['message'] + '; ' + each['hint'], SENTENCE)}."
        for each in everything
        if each["code"] == SNAPSHOT_AGE
    ]
    opening += base_lines(document)
    settings = [
        _setting(each, change)
        for each in acting
        if each["kind"] != VM
        for change in each["changes"]
    ]
    notes = [
        each
        for each in everything
        if not (each["severity"] == Severity.ERROR and is_added(each))
        and each["code"] != SNAPSHOT_AGE
    ]
    notes.sort(key=is_added, reverse=True)
    machines = sorted((each for each in acting if each["kind"] == VM), key=_by_namespace)
    forecasts = {(f["namespace"], f["name"]): f for f in document["forecast"]["vms"]}
    groups = [
        *each_problem,
        *_config_patches(acting, limit),
        *(
            _namespace(name, list(members), forecasts, limit)
            for name, members in groupby(machines, key=lambda each: each["namespace"])
        ),
        *base_groups(document, limit),
        *_notes(notes, limit),
    ]
    return assembled(
        opening,
        problems=problems,
        groups_title="Details" if not machines else "Changes by namespace",
        settings=settings,
        groups=groups,
        closing=f"{approve}." if digest and document["waves"] else "",
        link=link,
        limit=limit,
    )


def _needs_person(each: Mapping[str, Any]) -> bool:
    """Return whether a user must act because a change is blocked or needs a manual restart."""
    if each["effect"] == Effect.RESTART:
        return all(action["verb"] != Verb.RESTART for action in each["actions"])
    return bool(each["effect"] == Effect.BLOCKED)


def _problems(document: Mapping[str, Any], acting: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Return the problems that a user must solve: errors, blocked changes, and then restarts."""
    errors = [
        each
        for each in document["diagnostics"]
        if each["severity"] == Severity.ERROR and is_added(each)
    ]
    explained = {qualified_name(each["object"]) for each in errors if each["object"]}
    held = sorted(
        (
            each
            for each in filter(_needs_person, acting)
            # The row of the error already explains why the manifest is invalid.
            if each["reason"] != Reason.INVALID_MANIFEST or qualified_name(each) not in explained
        ),
        key=lambda each: _ORDER[Effect(each["effect"])],
    )
    return [
        *(
            Problem(
                name=qualified_name(each["object"]) if each["object"] else each["code"],
                result="error",
                reason=each["code"],
                message=_advice(each, each["context"]),
                where=location_text(each["at"]),
            )
            for each in errors
        ),
        *(
            Problem(
                name=qualified_name(each),
                result=each["effect"],
                reason=each["reason"],
                message=_advice(each),
                where=location_text(each["at"]),
            )
            for each in held
        ),
    ]


def _advice(each: Mapping[str, Any], context: Iterable[str] = ()) -> str:
    return "; ".join(text for text in (each["message"], *context, each["hint"]) if text)


def _setting(each: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    return row(
        f"{code(change['field'], VALUE)}<br>{_where(change['at'])}{_edited(change)}",
        f"{inline(value_text(change['from']), VALUE)} → {inline(value_text(change['to']), VALUE)}",
        f"**{inline(each['effect'])}**",
    )


def _edited(change: Mapping[str, Any]) -> str:
    """Return a mark if a line was edited since the base commit, else an empty string."""
    return f" {EDITED}" if change.get("edited") else ""


def _where(at: Mapping[str, Any] | None) -> str:
    return code(location_text(at), VALUE) if at else "-"


def _by_namespace(each: Mapping[str, Any]) -> tuple[str, int, str]:
    return each["namespace"] or "", _ORDER[Effect(each["effect"])], each["name"]


def _namespace(
    name: str,
    members: Sequence[Mapping[str, Any]],
    forecasts: Mapping[tuple[str, str], Mapping[str, Any]],
    limit: int,
) -> Group:
    def machine(each: Mapping[str, Any]) -> str:
        before, after = sizes(each)
        changed = each["changes"][0]["at"] if each["changes"] else each["at"]
        edited = _edited(each["changes"][0]) if each["changes"] else ""
        return row(
            code(each["name"], NAME),
            inline(before, VALUE),
            inline(after, VALUE),
            f"**{inline(each['effect'])}**",
            inline(each["reason"]),
            _eta(forecasts.get((each["namespace"], each["name"]))),
            f"{_where(changed)}{edited}",
            *state_cells(each),
        )

    more = (STATE_TITLE,) if "baseline" in members[0] else ()
    counts = Counter(each["effect"] for each in members)
    memory = sum(map(added_bytes, members))
    words = [f"{n} {effect}" for effect, n in counts.items()]
    if memory:
        words.append(f"{'+' if memory > 0 else '-'}{human(abs(memory))}")
    return Group(
        title=f"{code(name or '(no namespace)', NAME)}: {inline(', '.join(words), SENTENCE)}",
        head=head("Name", "From", "To", "Effect", "Reason", "ETA", "Where", *more),
        rows=render_up_to(members, machine, limit),
        total=len(members),
        patches=render_up_to(_patched(members), _patch_block, limit),
        n_patches=sum(1 for _ in _patched(members)),
    )


def _config_patches(acting: Iterable[Mapping[str, Any]], limit: int) -> Iterator[Group]:
    changed = [each for each in acting if each["kind"] != VM and each["patch"]]
    if changed:
        yield Group(
            title="Effects and patches of the KubeVirt configuration",
            head=head("Object", "What happens"),
            rows=render_up_to(changed, _explained, limit),
            total=len(changed),
            patches=render_up_to(_patched(changed), _patch_block, limit),
            n_patches=sum(1 for _ in _patched(changed)),
        )


def _explained(each: Mapping[str, Any]) -> str:
    text = "; ".join((each["message"], *each["warnings"]))
    return row(code(qualified_name(each), 2 * NAME), inline(text, 2 * SENTENCE))


def _notes(notes: Sequence[Mapping[str, Any]], limit: int) -> Iterator[Group]:
    if notes:
        yield Group(
            title=f"Warnings and notes: {len(notes)}",
            head=head("Severity", "Code", "Message", "Where"),
            rows=render_up_to(notes, _note, limit),
            total=len(notes),
        )


def _note(each: Mapping[str, Any]) -> str:
    what = f"{qualified_name(each['object'])}: " if each["object"] else ""
    return row(
        inline(each["severity"]),
        code(each["code"], VALUE),
        inline(f"{what}{_advice(each)}{'' if is_added(each) else f' {ON_BASE}'}", SENTENCE),
        _where(each["at"]),
    )


def _patched(members: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (each for each in members if each["patch"])


def _patch_block(each: Mapping[str, Any]) -> str:
    lines = list(markdown_json_block(map(compact, each["patch"])))
    shown = "\n".join(lines)
    if size(shown) > _PATCH:
        shown = f"The patch has {size(shown)} bytes and is left out."
    return f"{code(qualified_name(each), 2 * NAME)}\n\n{shown}"


def _eta(forecast: Mapping[str, Any] | None) -> str:
    if forecast is None:
        return "-"
    return wording.span(forecast["earliestSeconds"], forecast["latestSeconds"])
