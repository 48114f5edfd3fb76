"""``Comparison``: the differences between a plan and the plan of a base commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.plan.plan import Change, Decision, Effect
from reconciler.model.references import FieldPath, ObjectRef


class BaselineState(StrEnum):
    """How an entry of a plan compares with the plan of the base commit, in SARIF's terms.

    Source: SARIF 2.1.0, section 3.27.24, ``baselineState``.
    """

    NEW = "new"
    """The plan contains the entry, and the plan of the base commit does not."""
    UPDATED = "updated"
    """Both plans contain the entry, and what happens to the object differs."""
    UNCHANGED = "unchanged"
    """Both plans contain the same entry: the change was already pending in the base commit."""
    ABSENT = "absent"
    """Only the plan of the base commit contains the entry."""


ADDED = frozenset({BaselineState.NEW, BaselineState.UPDATED})
"""The states of plan entries that a pull request adds or alters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The base commit with which a plan is compared."""

    requested: str
    """The branch, tag or commit that the user named."""
    revision: str
    """The hash of the merge base of ``requested`` and the planned commit."""
    unplanned: str = ""
    """Why the base commit cannot be planned, such as an invalid configuration; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedObject:
    """An object that is in the plan, in the plan of the base commit, or in both."""

    state: BaselineState
    before: Decision | None
    """The decision in the base commit's plan; None if that plan does not contain the object."""
    after: Decision | None
    """The decision in the plan; None if the plan does not contain the object."""
    edited: bool
    """Whether the object's manifest differs between the two commits."""
    edited_fields: frozenset[FieldPath] = frozenset()
    """The fields that the plan changes and whose values in Git differ between the two commits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The differences between a plan and the base commit's plan, for the same live state."""

    base: Base
    objects: Mapping[ObjectRef, ComparedObject]
    """The objects of both plans, ordered by reference."""
    diagnostics: Mapping[Diagnostic, BaselineState]
    """The comparison state of each diagnostic of the plan."""
    absent_diagnostics: tuple[Diagnostic, ...] = ()
    """The diagnostics that only the base commit's plan has."""
    config_edited: bool = False
    """Whether the values in ``.reconciler.yaml`` differ from those in the base commit."""

    def state(self, ref: ObjectRef) -> BaselineState:
        """Return how the plan of an object compares with the plan of the base commit."""
        return self.objects[ref].state

    def diagnostic_state(self, diagnostic: Diagnostic) -> BaselineState:
        """Return how a diagnostic compares with the diagnostics of the base commit.

        A diagnostic that is not compared is about the snapshot, or about the server's dry run of
        an object; then it has the state of this object.
        """
        compared = self.objects.get(diagnostic.ref) if diagnostic.ref else None
        other = compared.state if compared else BaselineState.UNCHANGED
        return self.diagnostics.get(diagnostic, other)

    def edits(self, ref: ObjectRef, change: Change) -> bool:
        """Return whether the changed field's value in Git differs between the two commits."""
        return change.field in self.objects[ref].edited_fields

    @property
    def withdrawn(self) -> Iterator[Decision]:
        """The decisions about pending changes that only the base commit's plan contains."""
        for each in self.objects.values():
            if each.state is BaselineState.ABSENT and each.before is not None:
                yield each.before

    @property
    def removed(self) -> Iterator[Decision]:
        """The decisions about objects that only the base commit's plan contains."""
        for each in self.objects.values():
            if each.after is None and each.before is not None:
                yield each.before

    @property
    def indirect(self) -> Iterator[Decision]:
        """The new and updated decisions about objects that are not edited in Git."""
        for each in self.objects.values():
            if each.after is not None and each.state in ADDED and not each.edited:
                yield each.after

    @property
    def adds_errors(self) -> bool:
        """Whether the plan has an error that the base commit's plan does not have."""
        return any(
            state in ADDED and each.severity is Severity.ERROR
            for each, state in self.diagnostics.items()
        )

    def added(self) -> Iterator[Decision]:
        """Return the decisions whose effect differs from the base commit's plan."""
        for each in self.objects.values():
            if each.state in ADDED and each.after is not None:
                yield each.after

    def summary(self) -> dict[str, dict[str, int]]:
        """Return the number of objects per comparison state and effect, without zeros.

        An absent object counts with its effect in the base commit.
        """
        counts = {state: Counter[Effect]() for state in BaselineState}
        for each in self.objects.values():
            decision = each.before if each.state is BaselineState.ABSENT else each.after
            if decision is not None and decision.effect is not Effect.NONE:
                counts[each.state][decision.effect] += 1
        return {
            str(state): {str(effect): found[effect] for effect in Effect if found[effect]}
            for state, found in counts.items()
        }
