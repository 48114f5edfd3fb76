"""``Review``: the findings of a ``plan`` or ``validate`` command, each with its line in Git.

A ``Review`` can be rendered as SARIF, GitHub workflow commands or GitLab Code Quality.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.snapshot_age import SNAPSHOT_AGE
from reconciler.model.plan.comparison import ADDED, BaselineState
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import Location, ObjectRef
from reconciler.plan.comparison_with_base import without_positions
from reconciler.report import wording
from reconciler.report.comparison.base_wording import since_base, since_sentences
from reconciler.report.findings import by_location, validation_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Change, Decision, Plan

STDIN = "stdin"
"""The file name in the locations of manifests that are read from standard input."""

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
"""Maps how a planned change takes effect (live, by a restart, …) to its finding's severity."""

_LEVEL_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedLine:
    """An additional line in Git to which a code review finding refers."""

    at: Location
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFinding:
    """A code review finding: a planned change of one object, or a problem in a manifest."""

    level: Severity
    code: str
    """The code of the reason for the planned change, or the code of the manifest problem."""
    reason: Reason | None = None
    """The reason for the planned change, or None for a manifest problem."""
    effect: Effect | None = None
    ref: ObjectRef | None = None
    title: str
    message: str
    """Complete sentences that say what happens, why, and what the user can do."""
    at: Location | None
    """The line in Git, or None if the finding has no line or concerns a manifest from stdin."""
    state: BaselineState | None = None
    """Whether the finding also exists in the base commit, or None if plans are not compared.

    If the finding exists only in the base commit, ``at`` is a line in the base commit.
    """
    edited: bool = False
    """Whether the pull request edits the value or object that the finding concerns."""
    related: tuple[RelatedLine, ...] = ()
    fingerprint: str
    """A hexadecimal hash, unique in the review, that does not depend on the line number."""

    @property
    def rule(self) -> str:
        """The SARIF rule ID: the finding's code with the prefix ``plan.`` or ``diagnostic.``."""
        return f"plan.{self.code}" if self.reason else f"diagnostic.{self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The code review findings of one ``plan`` or ``validate`` command, most important first."""

    command: str
    """The command that produced the findings: ``plan`` or ``validate``."""
    summary: str
    """A one-line summary for users."""
    revision: str = ""
    cluster: str = ""
    digest: str = ""
    findings: tuple[ReviewFinding, ...]

    base: str = ""
    """The hash of the base commit with which the plan is compared, or an empty string."""

    @property
    def without_line(self) -> int:
        """The number of findings without a line; findings only in the base do not count."""
        absent = BaselineState.ABSENT
        return sum(each.at is None and each.state is not absent for each in self.findings)


def review_of_plan(plan: Plan, comparison: Comparison | None = None) -> Review:
    """Convert a plan's problems and planned changes to code review findings.

    If *comparison* is given, each finding says how it differs from the base commit's plan.
    Findings that exist only in the base commit come last.
    """
    cluster, summary = plan.cluster, wording.counts(plan.summary)
    decisions = [*wording.by_attention(plan), *_unchanged_with_warnings(plan)]
    found = [*_diagnostics(plan.diagnostics, cluster, comparison)]
    shown = _without_invalid(decisions, plan.diagnostics)
    found += [_decision(each, cluster, comparison) for each in shown]
    if comparison is not None:
        found += _absent(comparison, cluster)
        summary += f". Since the base commit: {since_base(comparison.summary())}"
    return Review(
        command="plan",
        summary=f"Plan {wording.short_digest(plan.digest)}: {summary}",
        revision=plan.revision,
        cluster=cluster,
        digest=plan.digest,
        findings=_ordered(found),
        base=comparison.base.revision if comparison else "",
    )


def _without_invalid(
    decisions: Iterable[Decision], diagnostics: Iterable[Diagnostic]
) -> Iterator[Decision]:
    """Yield the decisions, except those about manifests whose errors are separate findings."""
    invalid = {each.ref for each in diagnostics if each.severity is Severity.ERROR}
    for each in decisions:
        if not (each.reason is Reason.INVALID_MANIFEST and each.ref in invalid):
            yield each


def _absent(comparison: Comparison, cluster: str) -> Iterator[ReviewFinding]:
    """Yield the findings that exist only in the base commit, with their lines in that commit."""
    gone = comparison.absent_diagnostics
    decisions = _without_invalid(comparison.withdrawn, gone)
    found = (*_diagnostics(gone, cluster), *(_decision(each, cluster) for each in decisions))
    for each in found:
        title, message = f"no longer: {each.title}", f"Only in the base commit: {each.message}"
        yield replace(each, state=BaselineState.ABSENT, title=title, message=message)


def review_of_desired(desired: DesiredState, comparison: Comparison | None = None) -> Review:
    """Convert the problems in the desired state to code review findings, for ``validate``."""
    found = [*_diagnostics(desired.diagnostics, "", comparison)]
    if comparison is not None:
        found += _absent(comparison, "")
    return Review(
        command="validate",
        summary=validation_summary(desired, comparison),
        revision=desired.revision,
        findings=_ordered(found),
        base=comparison.base.revision if comparison else "",
    )


def review_of_errors(message: str, diagnostics: Iterable[Diagnostic]) -> Review:
    """Convert the manifest errors that prevented a plan to code review findings."""
    found = _diagnostics(tuple(diagnostics), "")
    return Review(command="plan", summary=message, findings=_ordered(found))


def _unchanged_with_warnings(plan: Plan) -> Iterator[Decision]:
    return (each for each in plan.decisions if each.effect is Effect.NONE and each.warnings)


def _ordered(findings: Iterable[ReviewFinding]) -> tuple[ReviewFinding, ...]:
    """Sort findings by novelty and severity, and make their fingerprints unique.

    A warning about an old cluster snapshot file comes first.
    """

    def order(each: ReviewFinding) -> tuple[bool, int, int]:
        state = 0 if each.state is None or each.state in ADDED else 1
        state += each.state is BaselineState.ABSENT
        return each.code != SNAPSHOT_AGE, state, _LEVEL_ORDER.index(each.level)

    ordered = sorted(findings, key=order)
    seen: Counter[str] = Counter()
    unique = []
    for each in ordered:
        seen[each.fingerprint] += 1
        n = seen[each.fingerprint]
        unique.append(
            each if n == 1 else replace(each, fingerprint=_hash(each.fingerprint, str(n)))
        )
    return tuple(unique)


def _decision(
    decision: Decision, cluster: str, comparison: Comparison | None = None
) -> ReviewFinding:
    compared = comparison.objects[decision.ref] if comparison else None
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
    sentences += since_sentences(compared) if compared else []
    located = next((each for each in changes if _line(each.at)), None)
    first = located.at if located else decision.at
    edited = compared is not None and (
        located.field in compared.edited_fields if located else compared.edited
    )
    return ReviewFinding(
        level=LEVELS[decision.effect],
        code=decision.reason,
        reason=decision.reason,
        effect=decision.effect,
        ref=decision.ref,
        title=f"{decision.effect}: {decision.ref} ({decision.reason})",
        message=f"{head}: {_sentences(sentences)}",
        at=_line(first),
        state=compared.state if compared else None,
        edited=edited,
        related=tuple(
            RelatedLine(at=each.at, text=_changed(each))
            for each in changes
            if each.at is not None and _line(each.at) and each.at != first
        ),
        fingerprint=_hash(cluster, "plan", decision.reason, str(decision.ref)),
    )


def _diagnostics(
    diagnostics: tuple[Diagnostic, ...], cluster: str, comparison: Comparison | None = None
) -> Iterator[ReviewFinding]:
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
            state=comparison.diagnostic_state(each) if comparison else None,
            fingerprint=_hash(
                cluster, "diagnostic", each.code, about, without_positions(each.message)
            ),
        )


def _line(at: Location | None) -> Location | None:
    """Return the location *at*, or None if the manifest comes from standard input."""
    return None if at is None or at.path == STDIN else at


def _changed(change: Change) -> str:
    before, after = wording.spelled(change.before), wording.spelled(change.after)
    return f"{'.'.join(change.field)}: {before} -> {after}"


def _sentences(parts: Iterable[str]) -> str:
    """Join strings into one paragraph, and add missing full stops."""
    return " ".join(each if each.endswith((".", "!", "?")) else f"{each}." for each in parts)


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
