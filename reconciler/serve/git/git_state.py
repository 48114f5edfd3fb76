"""``GitState``: the results of polling a Git repository, computed by pure functions.

Only a poll changes which commit is applied; a webhook request only makes the next poll start
earlier.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model import backoff
from reconciler.model.desired.desired_state import Reading
from reconciler.model.diagnostic import Severity
from reconciler.model.phrases import plural
from reconciler.model.revision.commit_in_force import CommitInForce
from reconciler.model.service.view import Wait, WaitKind

if TYPE_CHECKING:
    from reconciler.errors import ReconcilerError

FIRST_PAUSE_S = 5.0
"""The pause after the first failed poll, in seconds; each further failure doubles it."""
LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """The results of the last polls of the Git repository."""

    reading: Reading | None = None
    """The desired state from the applied commit, or None before the first successful poll."""
    in_force: CommitInForce | None = None
    """The applied and rejected commits of the last successful poll, or None before the first."""
    fetched_at: datetime | None = None
    """The time of the last poll that reached the Git repository."""
    attempted_at: datetime | None = None
    next_at: datetime | None = None
    """The time of the next poll, unless a webhook request arrives earlier."""
    polls: int = 0
    """The number of polls that have ended, including those that failed."""
    failures: int = 0
    """The number of consecutive polls that failed."""
    wait: Wait | None = None
    """Why the newest commit cannot be read or applied, or None if it can."""

    @property
    def commit(self) -> str:
        """The commit that is currently applied, or an empty string if none is applied yet."""
        return self.reading.state.revision if self.reading else ""


def after_read(state: GitState, reading: Reading, at: datetime) -> GitState:
    """Return the state after a poll that reached the Git repository.

    If the poll found no usable desired state, the previous desired state stays in use.
    """
    desired, before = reading.state, state.wait
    state = replace(
        state,
        in_force=desired.in_force,
        fetched_at=at,
        attempted_at=at,
        polls=state.polls + 1,
        failures=0,
        wait=None,
    )
    if not desired.unusable:
        return replace(state, reading=reading)
    errors = [each for each in desired.diagnostics if each.severity is Severity.ERROR]
    first = f": {errors[0].message}" if errors else ""
    message = f"{plural(len(errors), 'error')} in the files of commit {desired.revision}{first}"
    return replace(state, wait=_since(before, WaitKind.VALID_COMMIT, message, at))


def after_failure(state: GitState, error: ReconcilerError, at: datetime) -> GitState:
    """Return the state after a poll that did not reach the Git repository."""
    wait = _since(state.wait, WaitKind.REPOSITORY, str(error), at)
    return replace(
        state, attempted_at=at, polls=state.polls + 1, failures=state.failures + 1, wait=wait
    )


def pause_s(state: GitState, *, interval_s: float, jitter_s: float, random: float) -> float:
    """Return the seconds until the next poll.

    Args:
        state: The state after the last poll.
        interval_s: The interval between two polls.
        jitter_s: Maximum random delay that is added to the interval, so that processes which
            started together do not poll together.
        random: A random number from 0 up to but not including 1.
    """
    if not state.failures:
        return interval_s + jitter_s * random
    return backoff.pause_s(
        state.failures, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S, jitter=random
    )


def _since(before: Wait | None, kind: WaitKind, message: str, at: datetime) -> Wait:
    """Build the problem to display, with the time of its first occurrence in consecutive polls."""
    since = before.since if before is not None and before.kind is kind else at
    return Wait(kind=kind, since=since, message=message)
