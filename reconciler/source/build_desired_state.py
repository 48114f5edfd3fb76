"""``build_desired_state``: combines the objects in all manifest files into a desired state."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredState, DesiredVM
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.source.combine_kubevirts import combine
from reconciler.source.manifests.kind_scan import count_kind
from reconciler.source.manifests.limited_diagnostics import MAX_IN_ALL, LimitedDiagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.references import ObjectRef
    from reconciler.model.selector import Selector
    from reconciler.source.manifests.manifest_objects import FileObject, FileResult


NOTHING_FOUND = "nothing-found"


def build_desired_state(
    results: Iterable[FileResult],
    *,
    revision: str,
    dirty: bool,
    selector: Selector,
    diagnostics: Sequence[Diagnostic] = (),
    unusable: bool = False,
) -> DesiredState:
    """Combine the objects and problems in all manifest files into one desired state.

    Args:
        results: The parsed files, in order; if an object occurs twice, the first one is used.
        revision: The Git revision from which the files were read.
        dirty: Whether the files have uncommitted changes.
        selector: Selects VMs by their labels in Git; other VMs are omitted.
        diagnostics: The problems that were found before the files were read.
        unusable: Whether no plan is possible because of *diagnostics*.
    """
    found = LimitedDiagnostics(MAX_IN_ALL)
    found.extend(diagnostics)
    skipped: Counter[str] = Counter()
    n_ignored = 0
    objects: dict[ObjectRef, FileObject] = {}
    for result in results:
        found.extend(result.diagnostics)
        if result.skipped:
            for kind, n in result.skipped.items():
                count_kind(skipped, kind, n)
        elif not (result.objects or result.diagnostics or result.unread):
            n_ignored += 1
        n_ignored += result.unread
        for each in result.objects:
            found.extend(each.diagnostics)
            ref = each.desired.ref
            if not ref.namespace and ref.is_vm:
                found.add(_without_namespace(each))
            elif ref in objects:
                found.add(_duplicate(objects[ref], each))
            else:
                objects[ref] = each
    vms = {
        ref: o.desired
        for ref, o in sorted(objects.items(), key=itemgetter(0))
        if isinstance(o.desired, DesiredVM)
    }
    selected = {ref: vm for ref, vm in vms.items() if selector.matches(vm.labels)}
    crs = [each for each in objects.values() if isinstance(each.desired, DesiredKubeVirt)]
    combined = combine(crs)
    found.extend(combined.diagnostics)
    found.extend(_not_selected(len(vms), len(selected), selector))
    known = found.result()
    if not objects and all(each.severity is not Severity.ERROR for each in known):
        known = (*known, _nothing_found(revision))
    return DesiredState(
        revision=revision,
        dirty=dirty,
        kubevirt=combined.desired,
        vms=selected,
        skipped=dict(sorted(skipped.items())),
        ignored=n_ignored,
        unselected=frozenset(vms.keys() - selected.keys()),
        unusable=unusable,
        diagnostics=tuple(sorted(known, key=_place)),
        provenance={
            **{ref: each.places for ref, each in objects.items()},
            **combined.places,
        },
    )


def _without_namespace(each: FileObject) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code="no-namespace",
        message="the manifest does not set metadata.namespace",
        at=each.places[("metadata",)],
        ref=each.desired.ref,
        hint="set metadata.namespace, or set the namespace with -n",
    )


def _duplicate(first: FileObject, second: FileObject) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code="duplicate-object",
        message="the object appears twice in the desired state",
        at=second.places[()],
        ref=second.desired.ref,
        context=(f"the first one is at {first.places[()]}",),
        hint="delete one of the two manifests",
    )


def _not_selected(n_vms: int, n_selected: int, selector: Selector) -> Iterator[Diagnostic]:
    if n_selected < n_vms:
        message = f"{n_vms - n_selected} of {n_vms} VMs do not match the selector {selector}"
        code, severity = "not-selected", Severity.NOTE
        if not n_selected:
            code, severity = "nothing-selected", Severity.WARNING
        yield Diagnostic(severity=severity, code=code, message=message)


def _nothing_found(revision: str) -> Diagnostic:
    return Diagnostic(
        severity=Severity.WARNING,
        code=NOTHING_FOUND,
        message=f"{revision} contains no VirtualMachine and no KubeVirt, so no object is "
        "compared with the cluster",
        hint="check the repository, and `paths` and `exclude` in .reconciler.yaml",
    )


def _place(each: Diagnostic) -> tuple[str, int, int]:
    return (each.at.path, each.at.line, each.at.column) if each.at else ("", 0, 0)
