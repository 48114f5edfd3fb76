"""``combine``: combines the KubeVirt CR and the HyperConverged in Git into one desired state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import HYPERCONVERGED, FieldPath, Location, ObjectRef, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.fields import SettingValue
    from reconciler.source.manifests.manifest_objects import FileObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The settings in Git for the cluster's KubeVirt CR."""

    desired: DesiredKubeVirt | None = None
    places: Mapping[ObjectRef, Mapping[FieldPath, Location]] = field(default_factory=dict)
    """The location of each setting in the manifest files, keyed by object and field path."""
    diagnostics: tuple[Diagnostic, ...] = ()


def combine(found: Sequence[FileObject]) -> Combined:
    """Combine the KubeVirt CR and the HyperConverged in Git into one desired state.

    A cluster has one KubeVirt CR and at most one HyperConverged. The settings of both objects are
    used. A setting that has different values in the two objects is an error.
    """
    by_kind = sorted(found, key=lambda each: not each.desired.ref.is_kubevirt)
    if not by_kind:
        return Combined()
    first, *others = by_kind
    settings, places = _settings(first), dict(first.places)
    diagnostics: list[Diagnostic] = []
    kinds = {first.desired.ref.kind: first}
    for each in others:
        earlier = kinds.setdefault(each.desired.ref.kind, each)
        if earlier is not each:
            diagnostics.append(_second(earlier, each))
            continue
        diagnostics += _conflicts(first, each)
        own = _settings(each)
        places = {path: at for path, at in each.places.items() if path in own} | places
        settings = own | settings
    desired = first.desired
    if isinstance(desired, DesiredKubeVirt):
        return Combined(
            desired=replace(desired, settings=settings, hyperconverged=_beside(first, kinds)),
            places={desired.ref: places},
            diagnostics=tuple(diagnostics),
        )
    return Combined(diagnostics=tuple(diagnostics))


def _beside(first: FileObject, kinds: Mapping[str, FileObject]) -> ObjectRef | None:
    """Return the reference of the HyperConverged in Git if Git also contains the KubeVirt CR."""
    found = kinds.get(HYPERCONVERGED)
    return None if found is None or found is first else found.desired.ref


def _settings(each: FileObject) -> dict[FieldPath, SettingValue]:
    return dict(each.desired.settings) if isinstance(each.desired, DesiredKubeVirt) else {}


def _second(first: FileObject, each: FileObject) -> Diagnostic:
    kind = each.desired.ref.kind
    named = "KubeVirt CR" if each.desired.ref.is_kubevirt else kind
    return Diagnostic(
        severity=Severity.ERROR,
        code="two-kubevirts",
        message=f"a cluster has only one {named}, but the desired state contains a second one",
        at=each.places[()],
        ref=each.desired.ref,
        context=(f"{first.desired.ref} is at {first.places[()]}",),
        hint="put the desired state of each cluster into a separate directory, and select "
        "the directory with `paths`",
    )


def _conflicts(first: FileObject, each: FileObject) -> Iterator[Diagnostic]:
    known = _settings(first)
    for path, value in _settings(each).items():
        if path in known and known[path] != value:
            yield Diagnostic(
                severity=Severity.ERROR,
                code="conflicting-setting",
                message=f"{dotted(path)} is {value} here, but {known[path]} in "
                f"{first.desired.ref}",
                at=each.places.get(path, each.places[()]),
                ref=each.desired.ref,
                context=(f"the other value is at {first.places.get(path, first.places[()])}",),
                hint="set this field in only one of the two; HyperConverged writes the "
                "KubeVirt CR",
            )
