"""``run_comment`` and ``failure_comment``: render a run's result as a pull request comment."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Result
from reconciler.report import wording
from reconciler.report.comment.comment_layout import (
    NAME,
    RESERVED,
    SENTENCE,
    VALUE,
    assembled,
    head,
    row,
)
from reconciler.report.comment.document_values import VM, qualified_name, value_text
from reconciler.report.comment.folded_groups import Group
from reconciler.report.comment.headline import failure_headline, run_headline
from reconciler.report.comment.problem_table import Problem, problem_tables
from reconciler.report.markdown_budget import render_up_to, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LINE, _LOG_LINES = 400, 40
"""The maximum length of a log line in characters, and the maximum number of log lines."""
_PROBLEMS = (Result.STALE, Result.FAILED, Result.HELD)
"""The results of a run that can require action by a user, most urgent first."""


def run_comment(
    document: Mapping[str, Any], *, cluster_name: str | None, link: str, limit: int
) -> str:
    """Render the pull request comment for a JSON run report, within a size limit.

    The arguments are the same as those of ``plan_comment``, but *document* conforms to
    ``schemas/report.schema.json``.
    """
    summary = run_headline(document, cluster_name)
    started, ended = (datetime.fromisoformat(document[key]) for key in ("startedAt", "endedAt"))
    took = wording.duration((ended - started).total_seconds())
    opening = [
        summary.markdown(),
        "",
        f"The run started {wording.utc_time(started)} and took {took}.",
    ]
    opening.extend(f"\n{inline(each, SENTENCE)}" for each in document["notes"])
    for each in (document["plan"].get("commit") or {}).get("refused", [])[:1]:
        words = f"Commit {each['commit'][:12]} was rejected: {each['message']}"
        opening.append(f"\n**{inline(words, SENTENCE)}.**")
    outcomes = sorted(document["outcomes"], key=_by_namespace)
    failed = sorted(
        (each for each in outcomes if each["result"] in _PROBLEMS and _is_problem(each)),
        key=lambda each: _PROBLEMS.index(each["result"]),
    )
    problems, each_problem = problem_tables(
        [_failed(each) for each in failed], located=False, limit=limit
    )
    groups = [
        *each_problem,
        *(
            _result_group(name, list(members), limit)
            for name, members in groupby(outcomes, key=lambda each: each["namespace"])
        ),
    ]
    return assembled(
        opening,
        problems=problems,
        groups_title="Results by namespace",
        groups=groups,
        link=link,
        limit=limit,
    )


def failure_comment(log: str, *, cluster_name: str, link: str, limit: int) -> str:
    """Render the comment for a run that ended without a plan; it shows the end of the log."""
    summary = failure_headline(cluster_name, log)
    lines = [each for each in log.split("\n") if each.strip()]
    shown = [f"- {code(each, _LINE)}" for each in lines[-_LOG_LINES:]]
    while shown and sum(map(size, shown)) > limit - RESERVED:
        del shown[0]
    left_out = len(lines) - len(shown)
    note = [f"{plural(left_out, 'earlier line')} of the log left out.", ""] if left_out else []
    tail = ["", f"[Complete log](<{link}>)"] if link else []
    return "\n".join((summary.markdown(), "", *note, *shown, *tail, ""))


def _by_namespace(outcome: Mapping[str, Any]) -> tuple[str, str]:
    return outcome["namespace"] or "", outcome["name"]


def _is_problem(outcome: Mapping[str, Any]) -> bool:
    held = outcome["result"] == Result.HELD
    return not held or outcome["effect"] in {Effect.BLOCKED, Effect.RESTART}


def _failed(each: Mapping[str, Any]) -> Problem:
    hint = f"; {each['hint']}" if each["hint"] else ""
    return Problem(
        name=qualified_name(each),
        result=each["result"],
        reason=each["reason"],
        message=f"{each['message']}{hint}",
    )


def _memory(value: object) -> str:
    return "-" if value is None else inline(value_text(value, memory=True), VALUE)


def _result_group(name: str, members: Sequence[Mapping[str, Any]], limit: int) -> Group:
    def outcome(each: Mapping[str, Any]) -> str:
        seconds = each["seconds"]
        return row(
            code(qualified_name(each) if each["kind"] != VM else each["name"], NAME),
            f"**{inline(each['result'])}**",
            inline(each["reason"]),
            _memory(each["guestBefore"]),
            _memory(each["guestNow"]),
            "-" if seconds is None else wording.duration(seconds),
        )

    counts = Counter(each["result"] for each in members)
    words = ", ".join(f"{n} {result}" for result, n in counts.items())
    return Group(
        title=f"{code(name or '(no namespace)', NAME)}: {inline(words, SENTENCE)}",
        head=head("Name", "Result", "Reason", "Guest before", "Guest now", "Took"),
        rows=render_up_to(members, outcome, limit),
        total=len(members),
    )
