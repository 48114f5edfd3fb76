"""Contains the phrases with which all output formats compare a plan with the base commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.phrases import listed, plural
from reconciler.model.plan.comparison import ADDED, BaselineState
from reconciler.model.plan.plan import Effect
from reconciler.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.plan.comparison import ComparedObject, Comparison

STATE_WORDS: Mapping[BaselineState, str] = {
    BaselineState.NEW: "new",
    BaselineState.UPDATED: "updated",
    BaselineState.UNCHANGED: "already pending",
    BaselineState.ABSENT: "no longer pending",
}
"""The words that users see for each state of a change relative to the base commit.

The state ``unchanged`` is shown as "already pending", because "unchanged" elsewhere means that an
object needs no change.
"""

EDITED = "(edited)"
"""The mark after the location of a line that was edited in Git since the base commit."""
ON_BASE = "(also in the base commit)"
"""The mark after a problem that the base commit's plan also reports."""
_MAX_NAMES = 5


def base_commit(requested: str, revision: str) -> str:
    """Format the base commit: its short hash, and the branch or other base that was requested."""
    commit = wording.origin(revision, dirty=False)
    return commit if requested == revision else f"{commit}, the merge base with {requested}"


def unplanned(reason: str) -> str:
    """Return a clause that explains why the base commit has no plan."""
    return (
        f"the base commit cannot be planned, because {reason}; therefore, every change counts as "
        "new"
    )


def since_base(summary: Mapping[str, Mapping[str, int]]) -> str:
    """Format the number of changes by state and effect, such as ``new: 2 live; updated: none``.

    *summary* is ``Comparison.summary`` or the field ``summary`` in the JSON of a comparison.
    """
    parts = []
    for state, words in STATE_WORDS.items():
        counts = ", ".join(f"{n} {effect}" for effect, n in summary[state].items())
        if counts or state is BaselineState.NEW:
            parts.append(f"{words}: {counts or 'none'}")
    return "; ".join(parts)


def indirect(comparison: Comparison) -> str:
    """Return a sentence about objects that change without an edit to their own manifest."""
    refs = [each.ref for each in comparison.indirect if each.effect is not Effect.NONE]
    return indirect_sentence(
        map(wording.name_of, refs),
        len(refs),
        kubevirt=any(each.edited and ref.is_kubevirt for ref, each in comparison.objects.items()),
        config=comparison.config_edited,
    )


def indirect_sentence(names: Iterable[str], count: int, *, kubevirt: bool, config: bool) -> str:
    """Return a sentence about the objects that change without an edit to their own manifest.

    *kubevirt* and *config* say whether the KubeVirt CR and ``.reconciler.yaml`` were edited.
    """
    if not count:
        return ""
    causes = ["the KubeVirt CR"] * kubevirt + [".reconciler.yaml"] * config
    cause = " and ".join(causes) or "other objects"
    return (
        f"Edits to {cause} change the effect of {plural(count, 'object')} that "
        f"{'is' if count == 1 else 'are'} not edited: {listed(names, _MAX_NAMES)}."
    )


def since_sentences(compared: ComparedObject) -> list[str]:
    """Return sentences that compare an object's planned change with the base commit's plan."""
    before, state = compared.before, compared.state
    sentences = []
    if state is BaselineState.UPDATED and before is not None:
        sizes = " -> ".join(each for each in wording.from_and_to(before) if each != "-")
        words = f"{before.effect}, {before.reason}" + (f", {sizes}" if sizes else "")
        sentences.append(f"In the base commit, the effect is {words}")
    if state in ADDED and not compared.edited:
        sentences.append(
            "this object is not edited since the base commit; an edit to another "
            "object causes the effect"
        )
    return sentences


def gone(comparison: Comparison, most: int) -> Iterator[str]:
    """Yield lines about changes, objects and problems that exist only in the base commit.

    At most *most* changes and *most* problems are listed individually; the last line of each list
    counts the rest.
    """
    withdrawn = [each for each in comparison.withdrawn if each.effect is not Effect.NONE]
    for each in withdrawn[:most]:
        sizes = " -> ".join(size for size in wording.from_and_to(each) if size != "-")
        effect = f"{each.effect} in the base commit"
        parts = (effect, sizes) if sizes else (effect,)
        yield f"no longer pending: {wording.name_of(each.ref)}, {', '.join(parts)}"
    if len(withdrawn) > most:
        yield f"no longer pending: {len(withdrawn) - most} more objects"
    removed = [wording.name_of(each.ref) for each in comparison.removed]
    if removed:
        yield f"not in this plan, only in the base commit: {listed(removed, _MAX_NAMES)}"
    absent = comparison.absent_diagnostics
    for found in absent[:most]:
        at, about = (f"{found.at}: " if found.at else ""), (f"{found.ref}: " if found.ref else "")
        yield f"no longer reported: {at}{found.severity}[{found.code}] {about}{found.message}"
    if len(absent) > most:
        yield f"no longer reported: {len(absent) - most} more problems"
