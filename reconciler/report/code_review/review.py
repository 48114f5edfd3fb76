"""``Review``: the results of a plan or a validation, each with its line in Git.

The formats SARIF, GitHub workflow commands and GitLab Code Quality render a ``Review``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.snapshot_age import SNAPSHOT_AGE
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import Location, ObjectRef
from reconciler.report import wording
from reconciler.report.findings import by_location, validation_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.plan.plan import Change, Decision, Plan

STDIN = "stdin"
"""The path in the location of a manifest from standard input, which is no file in Git."""

LEVELS = {
    Effect.BLOCKED: Severity.ERROR,
    Effect.RESTART: Severity.WARNING,
    Effect.WAIT: Severity.NOTE,
    Effect.CONFIG: Severity.NOTE,
    Effect.CREATE: Severity.NOTE,
    Effect.LIVE: Severity.NOTE,
    Effect.COLD: Severity.NOTE,
    Effect.NONE: Severity.NOTE,
}
"""The level of each effect; a diagnostic keeps its own severity."""

_LEVEL_ORDER = tuple(Severity)
_POSITION = re.compile(r":\d+(:\d+)?")
"""Matches the line and column in a message, which change when lines are added above them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedLine:
    """Another line in Git that a finding is about."""

    at: Location
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFinding:
    """One object's planned effect, or one diagnostic, as a code review shows it."""

    level: Severity
    code: str
    """The reason code or the code of the diagnostic."""
    reason: Reason | None = None
    """The reason of a planned effect; None for a diagnostic."""
    effect: Effect | None = None
    ref: ObjectRef | None = None
    title: str
    message: str
    """Complete sentences: what happens, why, and what the user can do."""
    at: Location | None
    """The line in Git; None for a finding without a line, and for a manifest from stdin."""
    related: tuple[RelatedLine, ...] = ()
    fingerprint: str
    """A hexadecimal hash that stays the same when lines move; unique in the review."""

    @property
    def rule(self) -> str:
        """The unique name of the rule: reasons and diagnostics share some codes."""
        return f"plan.{self.code}" if self.reason else f"diagnostic.{self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The results of one plan or one validation, the most important first."""

    command: str
    """``plan`` or ``validate``."""
    summary: str
    """One line for people."""
    revision: str = ""
    cluster: str = ""
    digest: str = ""
    findings: tuple[ReviewFinding, ...]

    @property
    def without_line(self) -> int:
        """The number of results that have no line in Git."""
        return sum(each.at is None for each in self.findings)


def review_of_plan(plan: Plan) -> Review:
    """Return the review of a plan: its diagnostics, and each object that is not unchanged."""
    invalid = {each.ref for each in plan.diagnostics if each.severity is Severity.ERROR}
    shown = [
        each
        for each in (*wording.by_attention(plan), *_unchanged_with_warnings(plan))
        # The diagnostic of an invalid manifest has the exact line.
        if not (each.reason is Reason.INVALID_MANIFEST and each.ref in invalid)
    ]
    found = [*_diagnostics(plan.diagnostics, plan.cluster)]
    found += [_decision(each, plan.cluster) for each in shown]
    return Review(
        command="plan",
        summary=f"Plan {wording.short_digest(plan.digest)}: {wording.counts(plan.summary)}",
        revision=plan.revision,
        cluster=plan.cluster,
        digest=plan.digest,
        findings=_ordered(found),
    )


def review_of_desired(desired: DesiredState) -> Review:
    """Return the review of the desired state's diagnostics, for ``validate``."""
    return Review(
        command="validate",
        summary=validation_summary(desired),
        revision=desired.revision,
        findings=_ordered(_diagnostics(desired.diagnostics, "")),
    )


def review_of_errors(message: str, diagnostics: Iterable[Diagnostic]) -> Review:
    """Return the review of a plan that could not be made because of errors."""
    found = _diagnostics(tuple(diagnostics), "")
    return Review(command="plan", summary=message, findings=_ordered(found))


def _unchanged_with_warnings(plan: Plan) -> Iterator[Decision]:
    return (each for each in plan.decisions if each.effect is Effect.NONE and each.warnings)


def _ordered(findings: Iterable[ReviewFinding]) -> tuple[ReviewFinding, ...]:
    """Return the results sorted by level, with unique fingerprints.

    The warning about an old snapshot comes before everything else.
    """
    ordered = sorted(
        findings, key=lambda each: (each.code != SNAPSHOT_AGE, _LEVEL_ORDER.index(each.level))
    )
    seen: Counter[str] = Counter()
    unique = []
    for each in ordered:
        seen[each.fingerprint] += 1
        n = seen[each.fingerprint]
        unique.append(
            each if n == 1 else replace(each, fingerprint=_hash(each.fingerprint, str(n)))
        )
    return tuple(unique)


def _decision(decision: Decision, cluster: str) -> ReviewFinding:
    changes, why = decision.changes, decision.why
    head = f"{decision.ref}: {decision.effect}"
    if decision.ref.is_vm and decision.effect is not Effect.NONE:
        sizes = " -> ".join(each for each in wording.from_and_to(decision) if each != "-")
        head += f", {sizes}" if sizes else ""
    sentences = [why.message]
    if not decision.ref.is_vm:
        sentences += map(_changed, changes)
    sentences += [f"Warning: {each}" for each in decision.warnings]
    sentences += [f"What to do: {why.hint}"] if why.hint else []
    first = next((each.at for each in changes if _line(each.at)), decision.at)
    return ReviewFinding(
        level=LEVELS[decision.effect],
        code=decision.reason,
        reason=decision.reason,
        effect=decision.effect,
        ref=decision.ref,
        title=f"{decision.effect}: {decision.ref} ({decision.reason})",
        message=f"{head}: {_sentences(sentences)}",
        at=_line(first),
        related=tuple(
            RelatedLine(at=each.at, text=_changed(each))
            for each in changes
            if each.at is not None and _line(each.at) and each.at != first
        ),
        fingerprint=_hash(cluster, "plan", decision.reason, str(decision.ref)),
    )


def _diagnostics(diagnostics: tuple[Diagnostic, ...], cluster: str) -> Iterator[ReviewFinding]:
    for each in by_location(diagnostics):
        about = str(each.ref) if each.ref else each.at.path if each.at else ""
        sentences = [each.message, *each.context]
        sentences += [f"What to do: {each.hint}"] if each.hint else []
        prefix = f"{each.ref}: " if each.ref else ""
        yield ReviewFinding(
            level=each.severity,
            code=each.code,
            ref=each.ref,
            title=f"{each.severity}: {prefix}{each.code}",
            message=f"{prefix}{_sentences(sentences)}",
            at=_line(each.at),
            fingerprint=_hash(
                cluster, "diagnostic", each.code, about, _POSITION.sub("", each.message)
            ),
        )


def _line(at: Location | None) -> Location | None:
    """Return the position; None for a manifest from standard input, which is not in Git."""
    return None if at is None or at.path == STDIN else at


def _changed(change: Change) -> str:
    before, after = wording.spelled(change.before), wording.spelled(change.after)
    return f"{'.'.join(change.field)}: {before} -> {after}"


def _sentences(parts: Iterable[str]) -> str:
    """Join texts so that each sentence ends in a punctuation mark."""
    return " ".join(each if each.endswith((".", "!", "?")) else f"{each}." for each in parts)


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
