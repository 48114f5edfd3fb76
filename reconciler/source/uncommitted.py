"""``UncommittedReader``: warns about manifests with uncommitted changes in the working tree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.source.git.file_selection import included, is_input
from reconciler.source.git.working_tree import uncommitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.desired.desired_state import Reading
    from reconciler.ports import DesiredReader
    from reconciler.source.git.repository import Repository

_MAX_NAMES = 5


class UncommittedReader:
    """Reads the desired state from a commit, and warns about uncommitted changes to manifests."""

    def __init__(self, inner: DesiredReader, repository: Repository) -> None:
        self._inner, self._repository = inner, repository

    def read(self) -> Reading:
        """Read a commit; if it is checked out, warn about manifests with uncommitted changes.

        Raises:
            SourceError: The commit cannot be read.
        """
        reading = self._inner.read()
        changes = tuple(self._changes(reading))
        if not changes:
            return reading
        diagnostics = (*reading.state.diagnostics, *changes)
        return replace(reading, state=replace(reading.state, diagnostics=diagnostics))

    def _changes(self, reading: Reading) -> Iterator[Diagnostic]:
        is_chosen = included(reading.config)
        changed = uncommitted(self._repository, reading.state.revision)
        names = [path for path in changed if is_input(path, is_chosen)]
        if names:
            listed = ", ".join(names[:_MAX_NAMES]) + (", …" if len(names) > _MAX_NAMES else "")
            yield Diagnostic(
                severity=Severity.WARNING,
                code="uncommitted",
                message="the working tree has changes that are not in commit "
                f"{reading.state.revision[:12]}, so these changes are not read: {listed}",
                hint="commit the changes, or read the working tree with --working-tree",
            )
