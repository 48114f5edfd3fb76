"""``repeat``: retries API requests, within the limits of a ``Backoff``.

``Deadline`` shortens the timeouts of a client that must finish soon.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from reconciler.errors import ClusterError, UnavailableError
from reconciler.model.backoff import pause_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.ports import Clock

T = TypeVar("T")
_SHORTEST_WAIT_S = 0.2
_RANDOM = random.Random()  # noqa: S311 - jitter, not cryptography


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How often an API request is attempted, and how long the pauses between attempts are."""

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 10.0
    total_s: float = 60.0
    """The maximum time from the first attempt to the end of the last pause, in seconds."""


@dataclass(slots=True)
class Deadline:
    """The monotonic time by which an API client must finish, or None for no deadline."""

    at: float | None = None

    def shortened(self, wait_s: float, now: float) -> float:
        """Shorten a timeout to the time left until the deadline, but not below 0.2 s."""
        return wait_s if self.at is None else min(wait_s, max(_SHORTEST_WAIT_S, self.at - now))


def repeat(
    ask: Callable[[], T],
    *,
    clock: Clock,
    backoff: Backoff,
    retryable: Callable[[ClusterError], bool],
) -> T:
    """Call a function and return its result; call the function again after each temporary error.

    A pause is at least as long as the server's Retry-After. If the pause would exceed the total
    time, the error is raised immediately.

    Raises:
        ClusterError: The error is not temporary, or no attempts or no time are left.
    """
    started_at = clock.monotonic()
    attempt = 0
    while True:
        attempt += 1
        try:
            return ask()
        except ClusterError as error:
            if not retryable(error) or attempt >= backoff.attempts:
                raise
            wait_s = pause_s(
                attempt,
                first_s=backoff.first_s,
                longest_s=backoff.longest_s,
                jitter=_RANDOM.random(),
            )
            if isinstance(error, UnavailableError) and error.retry_after_s is not None:
                wait_s = max(wait_s, error.retry_after_s)
            if clock.monotonic() - started_at + wait_s > backoff.total_s:
                raise
        clock.sleep(wait_s)
