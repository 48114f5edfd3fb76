"""``compare``: compares a plan with the base commit's plan for the same live state."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredVM
from reconciler.model.fields import GUEST_MEMORY, INSTANCETYPE_NAME
from reconciler.model.plan.comparison import BaselineState, ComparedObject, Comparison
from reconciler.model.plan.plan import Effect, Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.fields import Settings
    from reconciler.model.plan.comparison import Base
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import FieldPath, ObjectRef

_POSITION = re.compile(r":\d+(:\d+)?")
"""Matches the line and column number of a file location in a message."""


def compare(
    base: Base,
    *,
    before: Plan,
    before_desired: DesiredState,
    after: Plan,
    after_desired: DesiredState,
    config_edited: bool = False,
) -> Comparison:
    """Return the differences between a plan and the base commit's plan."""
    old = {each.ref: each for each in before.decisions}
    new = {each.ref: each for each in after.decisions}
    edited = _edited(before_desired, after_desired, after.kubevirt)
    states, absent = _diagnostics(before.diagnostics, after.diagnostics)
    return Comparison(
        base=base,
        objects={
            ref: ComparedObject(
                state=_state(old.get(ref), new.get(ref)),
                before=old.get(ref),
                after=new.get(ref),
                edited=ref in edited,
                edited_fields=edited.get(ref, frozenset()),
            )
            for ref in sorted(old.keys() | new.keys())
        },
        diagnostics=states,
        absent_diagnostics=absent,
        config_edited=config_edited,
    )


def compare_diagnostics(base: Base, before: DesiredState, after: DesiredState) -> Comparison:
    """Compare only the diagnostics of two desired states, without making plans."""
    states, absent = _diagnostics(before.diagnostics, after.diagnostics)
    return Comparison(base=base, objects={}, diagnostics=states, absent_diagnostics=absent)


def without_positions(message: str) -> str:
    """Remove line and column numbers from a message, so that moved lines compare as equal."""
    return _POSITION.sub("", message)


def _state(before: Decision | None, after: Decision | None) -> BaselineState:
    if after is None or not _reported(after):
        pending = before is not None and _reported(before)
        return BaselineState.ABSENT if pending else BaselineState.UNCHANGED
    if before is None or not _reported(before):
        return BaselineState.NEW
    same = before is after or _consequence(before) == _consequence(after)
    return BaselineState.UNCHANGED if same else BaselineState.UPDATED


def _reported(decision: Decision) -> bool:
    """Return whether the plan changes an object or warns about it."""
    return decision.effect is not Effect.NONE or bool(decision.warnings)


def _consequence(decision: Decision) -> tuple[object, ...]:
    """Return what the plan does to an object, without messages and locations.

    A message can contain a number that depends on other objects, such as the free capacity. The
    digest of a patch depends on the notation of a size. Therefore, a digest is included only for a
    create, where it covers the manifest.
    """
    return (
        decision.effect,
        decision.reason,
        decision.warnings,
        tuple((each.field, each.before, each.after, each.wave) for each in decision.changes),
        tuple(
            (each.wave, each.verb, each.digest if each.verb is Verb.CREATE else "")
            for each in decision.actions
        ),
    )


def _edited(
    before: DesiredState, after: DesiredState, cr: ObjectRef
) -> dict[ObjectRef, frozenset[FieldPath]]:
    """Return the objects that differ in Git from the base commit, and their changed fields.

    A HyperConverged in Git counts as the KubeVirt CR *cr*, which the plan contains.
    """
    old, new = _declared(before, cr), _declared(after, cr)
    old_errors, new_errors = (
        {_decided(ref, cr): error for ref, error in each.errors().items()}
        for each in (before, after)
    )
    found: dict[ObjectRef, frozenset[FieldPath]] = {}
    for ref in old.keys() | new.keys() | old_errors.keys() | new_errors.keys():
        one, other = old.get(ref), new.get(ref)
        errors = [each.get(ref) for each in (old_errors, new_errors)]
        keys = [each and _key(each) for each in errors]
        if keys[0] != keys[1] or (one is not other and one != other):
            fields, known = _fields(other), _fields(one)
            found[ref] = frozenset(
                path for path, value in fields.items() if path not in known or known[path] != value
            )
    return found


def _declared(
    desired: DesiredState, cr: ObjectRef
) -> dict[ObjectRef, DesiredVM | DesiredKubeVirt]:
    kubevirt = desired.kubevirt
    return {**desired.vms, **({_decided(kubevirt.ref, cr): kubevirt} if kubevirt else {})}


def _decided(ref: ObjectRef, cr: ObjectRef) -> ObjectRef:
    return cr if ref.is_config and not ref.is_kubevirt else ref


def _fields(declared: DesiredVM | DesiredKubeVirt | None) -> Settings:
    """Return an object's values in Git that a plan can write to the cluster."""
    match declared:
        case DesiredKubeVirt(settings=settings):
            return settings
        case DesiredVM(guest=guest, instancetype=instancetype):
            found = {GUEST_MEMORY: guest, INSTANCETYPE_NAME: instancetype}
            return {path: value for path, value in found.items() if value is not None}
        case _:
            return {}


def _diagnostics(
    before: Sequence[Diagnostic], after: Sequence[Diagnostic]
) -> tuple[dict[Diagnostic, BaselineState], tuple[Diagnostic, ...]]:
    """Return how each diagnostic differs from the base commit's plan, and those only in that plan.

    A diagnostic with a different message about the same object or file counts as updated.
    """
    left = Counter(map(_key, before))
    subjects = Counter(map(_subject, before))
    states: dict[Diagnostic, BaselineState] = {}
    changed: list[Diagnostic] = []
    for each in after:
        if left[_key(each)]:
            left[_key(each)] -= 1
            subjects[_subject(each)] -= 1
            states[each] = BaselineState.UNCHANGED
        else:
            changed.append(each)
    replaced: Counter[object] = Counter()
    for each in changed:
        subject = _subject(each)
        known = subjects[subject] > 0
        states[each] = BaselineState.UPDATED if known else BaselineState.NEW
        subjects[subject] -= known
        replaced[subject] += known
    absent = []
    for each in before:
        if not left[_key(each)]:
            continue
        left[_key(each)] -= 1
        if replaced[_subject(each)]:
            replaced[_subject(each)] -= 1
        else:
            absent.append(each)
    return states, tuple(absent)


def _key(each: Diagnostic) -> tuple[object, ...]:
    return (*_subject(each), each.severity, without_positions(each.message))


def _subject(each: Diagnostic) -> tuple[object, ...]:
    path = each.at.path if each.at and not each.ref else ""
    return each.code, each.ref, path
