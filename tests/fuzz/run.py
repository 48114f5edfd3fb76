"""Reads hostile inputs for a long time: ``python -m fuzz.run --seconds 60 [READER ...]``.

Each reader gets new inputs until its time is up. The table lists each kind of unexpected
exception, with the number of the input that caused it.
"""

from __future__ import annotations

import argparse
import logging
import resource
import signal
import sys
import time

from fuzz.readers import READERS

STUCK_S = 60


class StuckError(Exception):
    """Reading one fuzz input took too long."""


def _stuck(*_: object) -> None:
    raise StuckError(f"no end after {STUCK_S} s")


def say(line: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the fuzzers, and return the number of different unexpected exceptions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="the time for each reader")
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("readers", nargs="*", metavar="READER")
    options = parser.parse_args()
    logging.disable()
    signal.signal(signal.SIGALRM, _stuck)
    n_found = 0
    for reader in READERS:
        if options.readers and not any(each in reader.name for each in options.readers):
            continue
        found: set[str] = set()
        longest, slowest, count, until = 0.0, 0, 0, time.monotonic() + options.seconds
        while time.monotonic() < until:
            seed = options.first + count
            count += 1
            signal.alarm(STUCK_S)
            began = time.process_time()
            failure = reader.fail(seed)
            took = time.process_time() - began
            signal.alarm(0)
            kind = failure.partition("): ")[0]
            if failure and kind not in found:
                found.add(kind)
                say(f"    {reader.name} {seed}: {failure}")
            if took > longest:
                longest, slowest = took, seed
        n_found += len(found)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        say(
            f"{reader.name}: {count} inputs, {len(found)} kinds of exception, longest "
            f"{longest:.3f} s (input {slowest}), {peak_mb} MB so far"
        )
    return n_found


if __name__ == "__main__":
    sys.exit(bool(main()))
