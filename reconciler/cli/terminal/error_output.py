"""``exit_code``: runs a command and prints the error that ends it."""

from __future__ import annotations

import errno
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from reconciler.app.error_codes import error_code
from reconciler.app.stop import Terminated
from reconciler.cli.option_values import TextFormat
from reconciler.errors import InvalidError, ReconcilerError
from reconciler.model.diagnostic import Severity
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.diagnostic import Diagnostic

log = logging.getLogger(__name__)

_UNWRITABLE = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO})
_LEVELS = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


def exit_code(
    command: Callable[[], ExitCode],
    log_format: TextFormat = TextFormat.TEXT,
    *,
    excused: frozenset[ExitCode] = frozenset(),
) -> ExitCode:
    """Run *command* and return its exit code; print the error that ends it on stderr.

    For an error whose code is in *excused*, the function returns 0 and prints the reason.
    """
    show = _shown_as(log_format)
    try:
        return command()
    except (ReconcilerError, Terminated, KeyboardInterrupt) as error:
        if isinstance(error, InvalidError):
            for diagnostic in error.diagnostics:
                show.finding(diagnostic)
        code, message = error_code(error)
        show.error(message, getattr(error, "hint", ""))
        if code in excused:
            from reconciler.report.wording import excuse

            show.note(f"exit code 0: {excuse(code)}")
            return ExitCode.DONE
        return code
    except OSError as error:
        return closed_output(error, log_format)


def closed_output(error: OSError, log_format: TextFormat = TextFormat.TEXT) -> ExitCode:
    """Report in one line that stdout is closed or its disk is full, and return the exit code.

    Raises:
        OSError: *error* is about something else.
    """
    if error.errno not in _UNWRITABLE:
        raise error
    # Without this, Python would fail again when it flushes stdout at the exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    show = _shown_as(log_format)
    show.error(f"the output could not be written: {error.strerror or error}", "")
    return ExitCode.ERROR


def show_errors(diagnostics: Iterable[Diagnostic], log_format: TextFormat) -> None:
    """Print the errors among *diagnostics* on stderr."""
    show = _shown_as(log_format)
    for each in diagnostics:
        if each.severity is Severity.ERROR:
            show.finding(each)


def _shown_as(log_format: TextFormat) -> _Text | _Log:
    return _Text() if log_format is TextFormat.TEXT else _Log()


class _Text:
    """Prints errors as text for users."""

    def finding(self, diagnostic: Diagnostic) -> None:
        print(diagnostic, file=sys.stderr)

    def error(self, message: str, hint: str) -> None:
        print(f"error: {message}", file=sys.stderr)
        if hint:
            print(f"  hint: {hint}", file=sys.stderr)

    def note(self, text: str) -> None:
        print(f"  {text}", file=sys.stderr)


class _Log:
    """Logs errors for programs, one JSON object per line."""

    def finding(self, diagnostic: Diagnostic) -> None:
        from reconciler.report.json_documents import (
            diagnostic_document,
        )

        fields: dict[str, Any] = diagnostic_document(diagnostic)
        del fields["severity"], fields["message"]
        log.log(_LEVELS[diagnostic.severity], "%s", diagnostic.message, extra=fields)

    def error(self, message: str, hint: str) -> None:
        log.error("%s", message, extra={"hint": hint} if hint else {})

    def note(self, text: str) -> None:
        log.info("%s", text)
