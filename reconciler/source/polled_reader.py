"""``PolledReader``: reads a repository repeatedly, and fetches new commits before each read."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from reconciler.source.rewritten_history import RewrittenHistoryReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from reconciler.model.desired.desired_state import Reading
    from reconciler.source.git.repository import Repository
    from reconciler.source.readers import CommitReader

_KEPT = 2
"""The number of Git clones to keep open; a run can still need the history in an older clone."""


class PolledReader:
    """Reads the desired state repeatedly in a long-running process; not thread-safe.

    Each read parses only files that changed since the previous read. Use the reader in a ``with``
    block.
    """

    def __init__(
        self,
        fetched: Callable[[], AbstractContextManager[tuple[Repository, str]]],
        reader_of: Callable[[Repository, str, ExitStack], CommitReader],
        *,
        judges_again: bool,
    ) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            fetched: Fetches the revision, opens the repository, and returns the repository and the
                fetched revision.
            reader_of: Returns a reader for one commit; the ``ExitStack`` closes its resources.
            judges_again: Whether to check commits at each read even if the branch has not changed,
                for example because a signature can expire.
        """
        self._fetched, self._reader_of = fetched, reader_of
        self._judges_again = judges_again
        self._opened: list[ExitStack] = []
        self._commit = ""
        self._reader: CommitReader | None = None
        self._last: Reading | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all open Git repositories."""
        while self._opened:
            self._opened.pop().close()

    def read(self) -> Reading:
        """Fetch the revision, and read the newest commit that passes all checks.

        Raises:
            SourceError: The repository cannot be fetched or read.
        """
        with ExitStack() as stack:
            repository, revision = stack.enter_context(self._fetched())
            commit = repository.resolve(revision)
            if self._last is not None and commit == self._commit and not self._judges_again:
                return self._last
            reader = self._reader_of(repository, commit, stack)
            if self._reader is not None:
                reader.continue_after(self._reader)
            reading = RewrittenHistoryReader(reader, repository).read()
            self._opened.append(stack.pop_all())
        self._commit, self._reader, self._last = commit, reader, reading
        while len(self._opened) > _KEPT:
            self._opened.pop(0).close()
        return reading
