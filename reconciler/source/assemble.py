"""Brings the objects of all files together into one desired state."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredState, DesiredVM
from reconciler.model.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.references import ObjectRef
    from reconciler.model.selector import Selector
    from reconciler.source.manifests.manifest_objects import FileObject, FileResult


def assemble(
    results: Iterable[FileResult],
    *,
    revision: str,
    dirty: bool,
    selector: Selector,
    diagnostics: Sequence[Diagnostic] = (),
) -> DesiredState:
    """One desired state from the *results* of its files.

    Args:
        results: In the order in which files are to be read; of two equal objects the first counts.
        revision: What was read.
        dirty: Whether it differs from its commit.
        selector: VMs whose labels in Git do not match are left out.
        diagnostics: What was found before the files were read.
    """
    found = list(diagnostics)
    skipped: Counter[str] = Counter()
    objects: dict[ObjectRef, FileObject] = {}
    for result in results:
        found.extend(result.diagnostics)
        if result.skipped:
            skipped.update(result.skipped)
        for each in result.objects:
            found.extend(each.diagnostics)
            ref = each.desired.ref
            if not ref.namespace:
                found.append(_homeless(each))
            elif ref in objects:
                found.append(_twice(objects[ref], each))
            else:
                objects[ref] = each
    vms = {
        ref: o.desired
        for ref, o in sorted(objects.items(), key=itemgetter(0))
        if isinstance(o.desired, DesiredVM)
    }
    selected = {ref: vm for ref, vm in vms.items() if selector.matches(vm.labels)}
    crs = [each for each in objects.values() if isinstance(each.desired, DesiredKubeVirt)]
    found.extend(_more_than_one(crs))
    found.extend(_left_out(len(vms), len(selected), selector))
    return DesiredState(
        revision=revision,
        dirty=dirty,
        kubevirt=_kubevirt(crs),
        vms=selected,
        skipped=dict(sorted(skipped.items())),
        diagnostics=tuple(sorted(found, key=_place)),
        provenance={ref: each.places for ref, each in objects.items()},
    )


def _homeless(each: FileObject) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code="no-namespace",
        message="the manifest names no namespace",
        at=each.places[("metadata",)],
        ref=each.desired.ref,
        hint="set metadata.namespace, or give one with -n",
    )


def _twice(first: FileObject, second: FileObject) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code="duplicate-object",
        message="the object stands twice in the desired state",
        at=second.places[()],
        ref=second.desired.ref,
        context=(f"first at {first.places[()]}",),
        hint="remove one of the two",
    )


def _more_than_one(crs: list[FileObject]) -> Iterator[Diagnostic]:
    for each in crs[1:]:
        yield Diagnostic(
            severity=Severity.ERROR,
            code="two-kubevirts",
            message="a cluster has one KubeVirt, and this is another one",
            at=each.places[()],
            ref=each.desired.ref,
            context=(f"{crs[0].desired.ref} stands at {crs[0].places[()]}",),
            hint="keep the desired state of each cluster in its own folder, chosen by paths",
        )


def _left_out(n_vms: int, n_selected: int, selector: Selector) -> Iterator[Diagnostic]:
    if n_selected < n_vms:
        message = f"{n_vms - n_selected} of {n_vms} VMs do not match the selector {selector}"
        yield Diagnostic(severity=Severity.NOTE, code="not-selected", message=message)


def _kubevirt(crs: list[FileObject]) -> DesiredKubeVirt | None:
    first = crs[0].desired if crs else None
    return first if isinstance(first, DesiredKubeVirt) else None


def _place(each: Diagnostic) -> tuple[str, int, int]:
    return (each.at.path, each.at.line, each.at.column) if each.at else ("", 0, 0)
