"""``GitPoller``: polls the Git repository at intervals, and at once after a webhook request."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError, SourceError, UsageError
from reconciler.serve.git.git_state import GitState, after_failure, after_read, pause_s

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from reconciler.model.revision.commit_in_force import CommitInForce
    from reconciler.ports import Clock, DesiredReader

log = logging.getLogger(__name__)

SHORTEST_S = 1.0
"""The minimum time between two polls in seconds, so that many webhook requests cause few polls."""


class GitPoller(threading.Thread):
    """A daemon thread that polls the Git repository.

    Args:
        opened: Opens the repository; called in the polling thread.
        clock: Measures the intervals.
        interval_s: The interval between two polls.
        jitter_s: Maximum random delay that is added to the interval.
        changed: Called in the polling thread after each poll.
        stop_read: Called by ``end``, in the caller's thread, to interrupt a poll in progress.
        counted: Called with ``changed``, ``unchanged`` or ``failed`` after each poll.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[DesiredReader]],
        clock: Clock,
        *,
        interval_s: float,
        jitter_s: float,
        changed: Callable[[], None],
        stop_read: Callable[[], None] = lambda: None,
        counted: Callable[[str], None] = lambda _result: None,
    ) -> None:
        super().__init__(name="git", daemon=True)
        self._opened, self._clock = opened, clock
        self._interval_s, self._jitter_s = interval_s, jitter_s
        self._changed, self._counted, self._stop_read = changed, counted, stop_read
        self._random = random.Random()  # noqa: S311 - jitter is no secret
        self._woken = threading.Condition()
        self._requested = self._ended = False
        self._n_started = 0
        self._rejected = ""
        self.state = GitState()
        """The results of the last polls; only the polling thread sets this attribute."""
        self.error: UsageError | None = None
        """Why the repository cannot be opened; the process must end if this is set."""

    def wake(self) -> int:
        """Poll Git as soon as possible; any thread can call this method.

        Returns:
            The value that ``state.polls`` will have after the next complete poll.
        """
        with self._woken:
            self._requested = True
            self._woken.notify_all()
            return self._n_started + 1

    def end(self, timeout_s: float) -> None:
        """Stop the polling thread, which deletes its clone; a poll in progress is interrupted."""
        with self._woken:
            self._ended = True
            self._woken.notify_all()
        if self.ident is None:
            return
        self._stop_read()
        self.join(timeout_s)

    def run(self) -> None:
        """Poll Git at intervals until ``end`` is called."""
        try:
            with self._opened() as reader:
                while not self._ended:
                    self._wait(self.poll(reader))
        except UsageError as error:
            self.error = error
            self._changed()

    def poll(self, reader: DesiredReader) -> float:
        """Poll Git once, and return the seconds until the next poll."""
        with self._woken:
            self._requested = False
            self._n_started += 1
        try:
            state = after_read(self.state, reader.read(), self._clock.now())
        except ReconcilerError as error:
            state = self._failed(error)
        except Exception as error:
            log.exception("cannot poll the Git repository because of a bug in reconciler")
            state = self._failed(SourceError(f"{type(error).__name__}: {error}"))
        if self.state.failures and not state.failures:
            log.info("the Git repository responds again after %d polls", self.state.failures)
        changed = state.commit != self.state.commit
        self._counted("failed" if state.failures else "changed" if changed else "unchanged")
        self._report_rejected(state.in_force)
        left_s = pause_s(
            state,
            interval_s=self._interval_s,
            jitter_s=self._jitter_s,
            random=self._random.random(),
        )
        self.state = replace(state, next_at=self._clock.now() + timedelta(seconds=left_s))
        self._changed()
        return left_s

    def _failed(self, error: ReconcilerError) -> GitState:
        before, state = self.state, after_failure(self.state, error, self._clock.now())
        # Only the first of equal errors is a warning, so that an outage does not fill the log.
        known = before.failures and before.wait is not None and before.wait.message == str(error)
        if not self._ended:
            level = logging.DEBUG if known else logging.WARNING
            words = "cannot poll the Git repository; the next poll will try again: %s"
            log.log(level, words, error)
        return state

    def _report_rejected(self, found: CommitInForce | None) -> None:
        """Log a warning if the newest commit is rejected; log it once per commit."""
        if found is None or not found.refused:
            self._rejected = ""
            return
        first = found.refused[0]
        if first.commit == self._rejected:
            return
        self._rejected = first.commit
        stays = "no commit is applied"
        if found.commit:
            stays = f"commit {found.commit[:12]} is applied instead"
        words = "commit %s of %s is rejected: %s; %s"
        log.warning(words, first.commit[:12], found.revision, first.message, stays)

    def _wait(self, left_s: float) -> None:
        with self._woken:
            self._woken.wait_for(lambda: self._ended, min(SHORTEST_S, left_s))
            self._woken.wait_for(lambda: self._ended or self._requested, left_s)
