"""Limits the number and the duration of retries: ``repeat``, ``Backoff``, ``Deadline``."""

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
    """The number of retries of a request, and the length of the pauses between them."""

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 10.0
    total_s: float = 60.0
    """All pauses must end within this time after the first attempt, in seconds."""


@dataclass(slots=True)
class Deadline:
    """The monotonic time by which a client must finish; None for no deadline."""

    at: float | None = None

    def shortened(self, wait_s: float, now: float) -> float:
        """Return a timeout, shortened to the time until the deadline, but at least 0.2 s."""
        return wait_s if self.at is None else min(wait_s, max(_SHORTEST_WAIT_S, self.at - now))


def repeat(
    ask: Callable[[], T],
    *,
    clock: Clock,
    backoff: Backoff,
    retryable: Callable[[ClusterError], bool],
) -> T:
    """Call a function and return its result; retry after each temporary error.

    A pause is at least as long as the server's Retry-After. If Retry-After exceeds the total time,
    the error is raised immediately.

    Raises:
        ClusterError: The last attempt failed.
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
