"""``ScopedReader``: limits the desired state to the objects that the command line selects."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.phrases import listed_refs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.desired.desired_state import DesiredState, Reading
    from reconciler.model.desired.scope import Scope
    from reconciler.model.references import ObjectRef
    from reconciler.ports import DesiredReader

_MAX_NAMES = 5
_HOW_TO_CHECK = "run `reconciler validate` to see which objects are read"


class ScopedReader:
    """Reads the desired state, and keeps only the objects that the command line selects."""

    def __init__(
        self, inner: DesiredReader, scope: Scope, *, strict: bool, complete: bool = True
    ) -> None:
        """Prepare to keep only the objects that the command line selects.

        Args:
            inner: Reads the whole desired state.
            scope: The selected objects: those in a namespace, or VMs by name.
            strict: Whether an object outside the namespace is an error, as in ``kubectl apply
            -f``.
            complete: Whether it is an error if a VM that is selected by name is not in Git.
        """
        self._inner, self._scope, self._strict = inner, scope, strict
        self._complete = complete
        self._last: tuple[Reading, Reading] | None = None

    def read(self) -> Reading:
        """Read a whole revision, and omit the objects that the command line does not select.

        Raises:
            SourceError: The revision cannot be read, or a VM that is selected by name is not in
            Git.
        """
        whole = self._inner.read()
        if self._last is None or self._last[0] is not whole:
            self._last = whole, replace(whole, state=self._narrowed(whole.state))
        return self._last[1]

    def _narrowed(self, state: DesiredState) -> DesiredState:
        scope = self._scope
        if self._complete:
            self._require_names(state)
        found = [] if state.kubevirt is None else [state.kubevirt.ref]
        outside = [ref for ref in (*found, *state.vms) if not scope.includes(ref)]
        if self._strict and not scope.names:
            others = (self._of_another_namespace(state, ref) for ref in outside)
            return replace(state, diagnostics=(*state.diagnostics, *others))
        hidden = frozenset(outside)
        kept = (each for each in state.diagnostics if not each.ref or scope.includes(each.ref))
        return replace(
            state,
            kubevirt=None if state.kubevirt and state.kubevirt.ref in hidden else state.kubevirt,
            vms={ref: vm for ref, vm in state.vms.items() if ref not in hidden},
            unselected=state.unselected | hidden,
            diagnostics=(*kept, *self._count(len(outside), len(found) + len(state.vms))),
        )

    def _require_names(self, state: DesiredState) -> None:
        known = {ref.namespaced_name for ref in state.vms}
        missing = sorted(ref for ref in self._scope.names if ref not in state.vms)
        if not missing:
            return
        close = difflib.get_close_matches(missing[0].namespaced_name, known, 1)
        raise SourceError(
            f"{state.revision} has no VM {listed_refs(missing, _MAX_NAMES)}",
            hint=f"did you mean {close[0]}?" if close else _HOW_TO_CHECK,
        )

    def _count(self, n_outside: int, n_all: int) -> Iterator[Diagnostic]:
        if not n_outside:
            return
        where = f"not in the namespace {self._scope.namespace}"
        if self._scope.names:
            where = "not among the VMs on the command line"
        nothing = n_outside == n_all
        yield Diagnostic(
            severity=Severity.WARNING if nothing else Severity.NOTE,
            code="nothing-selected" if nothing else "not-selected",
            message=f"{n_outside} of {n_all} objects in Git are ignored, because they are {where}",
            hint="check the namespace that -n sets" if nothing else "",
        )

    def _of_another_namespace(self, state: DesiredState, ref: ObjectRef) -> Diagnostic:
        return Diagnostic(
            severity=Severity.ERROR,
            code="other-namespace",
            message=f"the manifest sets the namespace {ref.namespace}, but -n sets the "
            f"namespace {self._scope.namespace}",
            at=state.at(ref, ("metadata",)),
            ref=ref,
            hint=f"remove -n, or set -n {ref.namespace}",
        )
