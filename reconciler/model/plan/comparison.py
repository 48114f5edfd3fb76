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
    """How an entry of a plan compares with the base commit's plan, in the terms of SARIF.

    Source: SARIF 2.1.0, section 3.27.24, ``baselineState``.
    """

    NEW = "new"
    """The plan contains an entry that the base commit's plan does not contain."""
    UPDATED = "updated"
    """Both plans contain an entry for the object, but the entries differ."""
    UNCHANGED = "unchanged"
    """Both plans contain the same entry, so the change was already pending."""
    ABSENT = "absent"
    """Only the base commit's plan contains the entry, and the plan does not."""


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
    """Why no plan can be made for the base commit; empty if a plan can be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedObject:
    """An object in the plan, in the base commit's plan, or in both."""

    state: BaselineState
    before: Decision | None
    """The decision in the base commit's plan; None if that plan does not contain the object."""
    after: Decision | None
    """The decision in the plan; None if the plan does not contain the object."""
    edited: bool
    """Whether the object's manifest differs between the planned commit and the base commit."""
    edited_fields: frozenset[FieldPath] = frozenset()
    """The fields that the plan changes and that differ in Git from the base commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The differences between a plan and the base commit's plan, for the same live state."""

    base: Base
    objects: Mapping[ObjectRef, ComparedObject]
    """The objects in the plan and in the base commit's plan, ordered by reference."""
    diagnostics: Mapping[Diagnostic, BaselineState]
    """How each diagnostic of the plan compares with those of the base commit's plan."""
    absent_diagnostics: tuple[Diagnostic, ...] = ()
    """The diagnostics that only the base commit's plan has."""
    config_edited: bool = False
    """Whether values in ``.reconciler.yaml`` differ from the base commit."""

    def state(self, ref: ObjectRef) -> BaselineState:
        """Return how the plan for an object compares with the base commit's plan."""
        return self.objects[ref].state

    def diagnostic_state(self, diagnostic: Diagnostic) -> BaselineState:
        """Return how a diagnostic compares with the diagnostics of the base commit.

        Diagnostics about the snapshot are not compared and count as unchanged. A diagnostic about
        an object's server-side dry run has the state of the object.
        """
        compared = self.objects.get(diagnostic.ref) if diagnostic.ref else None
        other = compared.state if compared else BaselineState.UNCHANGED
        return self.diagnostics.get(diagnostic, other)

    def edits(self, ref: ObjectRef, change: Change) -> bool:
        """Return whether a planned change sets a field that was edited since the base commit."""
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
        """The new and updated decisions about objects whose manifests do not differ in Git."""
        for each in self.objects.values():
            if each.after is not None and each.state in ADDED and not each.edited:
                yield each.after

    @property
    def adds_errors(self) -> bool:
        """Whether the plan contains an error that the base commit's plan does not contain."""
        return any(
            state in ADDED and each.severity is Severity.ERROR
            for each, state in self.diagnostics.items()
        )

    def added(self) -> Iterator[Decision]:
        """Yield the decisions that are new or different, compared with the base commit's plan."""
        for each in self.objects.values():
            if each.state in ADDED and each.after is not None:
                yield each.after

    def summary(self) -> dict[str, dict[str, int]]:
        """Count objects by comparison state and planned effect; counts of zero are omitted.

        An object that is only in the base commit's plan counts with the effect in that plan.
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
