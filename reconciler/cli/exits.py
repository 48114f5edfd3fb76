"""From how a command ended to what the person reads and the process answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.errors import InvalidError, LeaseHeldError, ReconcilerError, UsageError
from reconciler.model.outcome import ExitCode

if TYPE_CHECKING:
    from typing import TextIO


def ended(run: Callable[[], ExitCode], stderr: TextIO) -> ExitCode:
    """Run a command; turn what ends it into a sentence on *stderr* and an exit code."""
    try:
        return run()
    except ReconcilerError as error:
        _say(error, stderr)
        return _CODES.get(type(error), ExitCode.ERROR)
    except KeyboardInterrupt:
        print("interrupted", file=stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away; Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR


_CODES = {
    InvalidError: ExitCode.INVALID,
    LeaseHeldError: ExitCode.LEASE_HELD,
    UsageError: ExitCode.USAGE,
}


def _say(error: ReconcilerError, stderr: TextIO) -> None:
    if isinstance(error, InvalidError):
        for diagnostic in error.diagnostics:
            print(diagnostic, file=stderr)
    print(f"error: {error}", file=stderr)
    if error.hint:
        print(f"  hint: {error.hint}", file=stderr)
