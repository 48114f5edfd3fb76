"""``BaseReader``: reads the desired state at the base commit with which a plan is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.comparison import Base
from reconciler.source.git.merge_base import merge_base
from reconciler.source.scoped_reader import ScopedReader

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.desired.scope import Scope
    from reconciler.source.git.repository import Repository
    from reconciler.source.readers import CommitReader


class BaseReader:
    """Reads the desired state at the merge base of the planned commit and the base branch."""

    def __init__(
        self,
        head: CommitReader,
        repository: Repository,
        *,
        requested: str,
        revision: str,
        scope: Scope,
    ) -> None:
        """Prepare to read the merge base of the planned commit and the base branch.

        Args:
            head: The reader of the planned commit; files that it has read are not parsed again.
            repository: The repository that contains both commits.
            requested: The base that the user requested: a branch, tag or commit.
            revision: The planned commit.
            scope: The selected objects; the base commit does not have to contain all of them.
        """
        self._head = head
        self._repository = repository
        self._requested = requested
        self._revision = revision
        self._scope = scope

    def read(self) -> tuple[Base, Reading]:
        """Read the base commit; return the commit, its desired state and its configuration.

        Raises:
            SourceError: The base does not exist, has no common history with the planned commit, or
                cannot be read.
        """
        head = self._repository.resolve(self._revision)
        commit = merge_base(self._repository, self._requested, head)
        reader = ScopedReader(self._head.of(commit), self._scope, strict=False, complete=False)
        return Base(requested=self._requested, revision=commit), reader.read()
