"""``pause_s``: computes pauses between attempts, with exponential back-off and jitter."""

from __future__ import annotations

_MOST_DOUBLINGS = 10


def pause_s(failures: int, *, first_s: float, longest_s: float, jitter: float) -> float:
    """Return the pause in seconds before the next attempt; each failure doubles the pause.

    Args:
        failures: The number of failed attempts, at least 1.
        first_s: The pause after the first failure, without jitter.
        longest_s: The upper limit for the pause, without jitter.
        jitter: A random number in [0, 1); 0.5 leaves the pause unchanged.
    """
    doubled_s = first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    return min(doubled_s, longest_s) * (0.5 + jitter)
