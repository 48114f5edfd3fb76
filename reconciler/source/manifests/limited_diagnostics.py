"""``LimitedDiagnostics``: a list of reported problems (diagnostics) with a maximum length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.references import Location, ObjectRef

MAX_OF_OBJECT = 50
"""The maximum number of reported problems (diagnostics) about one manifest."""
MAX_OF_FILE = 1_000
"""The maximum number of reported problems about one file, excluding those about an object."""
MAX_IN_ALL = 10_000
"""The maximum number of reported problems about a Git revision.

The first error about each object is always reported.
"""
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class LimitedDiagnostics:
    """A list of diagnostics with a maximum length, so that malicious files cannot exhaust memory.

    The list counts the diagnostics beyond the maximum length. It always keeps the first error
    about each object, because an object with an error must not be changed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Diagnostic] = []
        self._with_error: set[ObjectRef] = set()
        self._n_dropped = 0
        self._severity = Severity.NOTE
        """The highest severity among the dropped diagnostics."""
        self._at: Location | None = None
        self._ref: ObjectRef | None = None

    def add(self, each: Diagnostic) -> None:
        """Store a diagnostic, or only count it if the list is full."""
        first = (
            each.ref is not None
            and each.severity is Severity.ERROR
            and each.ref not in self._with_error
        )
        if first and each.ref is not None:
            self._with_error.add(each.ref)
        if first or len(self._kept) < self._most:
            self._kept.append(each)
            return
        if not self._n_dropped:
            self._at, self._ref = each.at, each.ref
        self._n_dropped += 1
        self._severity = min(self._severity, each.severity, key=_RANK.__getitem__)

    def extend(self, found: Iterable[Diagnostic]) -> None:
        """Store several diagnostics, or only count them if the list is full."""
        for each in found:
            self.add(each)

    def __len__(self) -> int:
        """Return the number of diagnostics, including those that were only counted."""
        return len(self._kept) + self._n_dropped

    def result(self) -> tuple[Diagnostic, ...]:
        """Return the stored diagnostics; a final diagnostic says how many others were dropped."""
        if not self._n_dropped:
            return tuple(self._kept)
        more = Diagnostic(
            severity=self._severity,
            code="more-problems",
            message=f"{plural(self._n_dropped, 'more problem')} from here on "
            f"{'is' if self._n_dropped == 1 else 'are'} not listed",
            at=self._at,
            ref=self._ref,
            hint="correct the problems listed above",
        )
        return (*self._kept, more)


def limited(found: Iterable[Diagnostic], most: int) -> tuple[Diagnostic, ...]:
    """Return the first diagnostics; a final diagnostic says how many others were dropped."""
    diagnostics = LimitedDiagnostics(most)
    diagnostics.extend(found)
    return diagnostics.result()
