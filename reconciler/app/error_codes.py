"""``error_code``: maps the error that ends a command to an exit code and a message."""

from __future__ import annotations

from reconciler.app.stop import Terminated
from reconciler.errors import (
    InvalidError,
    LeaseHeldError,
    ReconcilerError,
    StaleError,
    UsageError,
)
from reconciler.model.run.outcome import ExitCode

_CODES = {
    InvalidError: ExitCode.INVALID,
    LeaseHeldError: ExitCode.LEASE_HELD,
    StaleError: ExitCode.STALE,
    UsageError: ExitCode.USAGE,
}


class OutrankedError(ReconcilerError):
    """An error that ends a run; the exit code is that of another, more important problem."""

    def __init__(
        self, code: ExitCode, error: ReconcilerError | Terminated | KeyboardInterrupt
    ) -> None:
        super().__init__(error_code(error)[1], hint=getattr(error, "hint", ""))
        self.code = code


def error_code(error: ReconcilerError | Terminated | KeyboardInterrupt) -> tuple[ExitCode, str]:
    """Return the exit code and the message for a command that ends with an error."""
    if isinstance(error, Terminated):
        return ExitCode.DEADLINE, "a signal ended the command before it wrote anything"
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED, "interrupted"
    if isinstance(error, OutrankedError):
        return error.code, str(error)
    return _CODES.get(type(error), ExitCode.ERROR), str(error)
