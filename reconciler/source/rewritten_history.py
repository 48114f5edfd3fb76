"""``RewrittenHistoryReader``: warns if the history of a branch was rewritten (force push)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.source.git.remote import MAX_HISTORY

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import Reading
    from reconciler.ports import DesiredReader
    from reconciler.source.git.repository import Repository


class RewrittenHistoryReader:
    """Reads the desired state, and warns if a force push removed the last fetched commit."""

    def __init__(self, inner: DesiredReader, repository: Repository) -> None:
        self._inner, self._repository = inner, repository

    def read(self) -> Reading:
        """Read the desired state, and warn if a force push removed the last fetched commit.

        Raises:
            SourceError: The desired state cannot be read.
        """
        reading = self._inner.read()
        replaced = self._repository.replaced_commit
        if replaced is None:
            return reading
        warning = Diagnostic(
            severity=Severity.WARNING,
            code="history-rewritten",
            message=f"the history of the branch was rewritten: its last {MAX_HISTORY:,} commits "
            f"do not contain commit {replaced[:12]}, which was fetched before",
            hint="find out who force-pushed to the branch, and protect the branch",
        )
        diagnostics = (*reading.state.diagnostics, warning)
        return replace(reading, state=replace(reading.state, diagnostics=diagnostics))
