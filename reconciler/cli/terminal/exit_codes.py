"""From how a command ended to what the person reads and the process answers."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reconciler.app.stop import Terminated
from reconciler.cli.options import TextFormat
from reconciler.errors import (
    InvalidError,
    LeaseHeldError,
    ReconcilerError,
    StaleError,
    UsageError,
)
from reconciler.model.diagnostic import Severity
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from typing import TextIO

    from reconciler.model.diagnostic import Diagnostic

log = logging.getLogger(__name__)


def ended(
    run: Callable[[], ExitCode], stderr: TextIO, log_format: TextFormat = TextFormat.TEXT
) -> ExitCode:
    """Run a command; turn what ends it into a sentence on *stderr* and an exit code.

    Args:
        run: The command.
        stderr: Where text goes; JSON goes where the log goes.
        log_format: How the sentence is written.
    """
    say = _Text(stderr) if log_format is TextFormat.TEXT else _Log()
    try:
        return run()
    except ReconcilerError as error:
        if isinstance(error, InvalidError):
            for diagnostic in error.diagnostics:
                say.finding(diagnostic)
        say.error(str(error), error.hint)
        return ending(error)[0]
    except (Terminated, KeyboardInterrupt) as error:
        code, message = ending(error)
        say.error(message, "")
        return code
    except BrokenPipeError:
        # The reader of our output went away; Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR


def ending(error: ReconcilerError | Terminated | KeyboardInterrupt) -> tuple[ExitCode, str]:
    """The exit code of a command that *error* ends, and the sentence that says why."""
    if isinstance(error, Terminated):
        return ExitCode.DEADLINE, "asked to end before anything was written"
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED, "interrupted"
    return _CODES.get(type(error), ExitCode.ERROR), str(error)


_CODES = {
    InvalidError: ExitCode.INVALID,
    LeaseHeldError: ExitCode.LEASE_HELD,
    StaleError: ExitCode.STALE,
    UsageError: ExitCode.USAGE,
}
_LEVELS = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


class _Text:
    """For people."""

    def __init__(self, stderr: TextIO) -> None:
        self._stderr = stderr

    def finding(self, diagnostic: Diagnostic) -> None:
        print(diagnostic, file=self._stderr)

    def error(self, message: str, hint: str) -> None:
        print(f"error: {message}", file=self._stderr)
        if hint:
            print(f"  hint: {hint}", file=self._stderr)


class _Log:
    """For programs, which read one JSON object a line."""

    def finding(self, diagnostic: Diagnostic) -> None:
        from reconciler.report.json_documents import (  # noqa: PLC0415 - keeps --help fast
            diagnostic_document,
        )

        fields: dict[str, Any] = diagnostic_document(diagnostic)
        del fields["severity"], fields["message"]
        log.log(_LEVELS[diagnostic.severity], "%s", diagnostic.message, extra=fields)

    def error(self, message: str, hint: str) -> None:
        log.error("%s", message, extra={"hint": hint} if hint else {})
