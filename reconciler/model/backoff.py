"""Computes pauses between attempts: ``pause_s``, exponential back-off with jitter."""

from __future__ import annotations

_MOST_DOUBLINGS = 10


def pause_s(failures: int, *, first_s: float, longest_s: float, jitter: float) -> float:
    """Return the pause after *failures* failed attempts: doubled each time, then spread by half.

    Args:
        failures: How many attempts have failed, from 1.
        first_s: The pause after the first failure, before it is spread.
        longest_s: The upper limit of a pause, before it is spread.
        jitter: A random number in [0, 1); 0.5 leaves the pause as it is.
    """
    doubled_s = first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    return min(doubled_s, longest_s) * (0.5 + jitter)
