"""When to ask again: how often, after how long, and never past a total time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from reconciler.errors import ClusterError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.ports import Clock

T = TypeVar("T")
_RANDOM = random.Random()  # noqa: S311 - jitter, not cryptography


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How a request that may be repeated is repeated."""

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 10.0
    total_s: float = 60.0
    """No pause begins that would end later than this after the first attempt."""

    def pause_s(self, attempt: int, share: float) -> float:
        """The pause after *attempt* (from 1): doubled each time, between half and one and a half.

        Args:
            attempt: How many attempts have failed.
            share: A random number in [0, 1).
        """
        return min(self.first_s * 2.0 ** (attempt - 1), self.longest_s) * (0.5 + share)


def repeat(
    ask: Callable[[], T],
    *,
    clock: Clock,
    backoff: Backoff,
    on_retry: Callable[[], None],
    may_pass: Callable[[ClusterError], bool] = lambda error: error.retryable,
) -> T:
    """The answer of *ask*, asked again on errors that *may_pass*.

    The default is for requests without effect only.

    A server's Retry-After is honoured where it fits into the total time.

    Raises:
        ClusterError: The last failure.
    """
    began = clock.monotonic()
    attempt = 0
    while True:
        attempt += 1
        try:
            return ask()
        except ClusterError as error:
            if not may_pass(error) or attempt >= backoff.attempts:
                raise
            pause_s = backoff.pause_s(attempt, _RANDOM.random())
            if isinstance(error, UnavailableError) and error.retry_after_s is not None:
                pause_s = max(pause_s, error.retry_after_s)
            if clock.monotonic() - began + pause_s > backoff.total_s:
                raise
        on_retry()
        clock.sleep(pause_s)
