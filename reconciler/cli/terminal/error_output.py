"""``exit_code``: runs a command, and prints the error if the command fails."""

from __future__ import annotations

import errno
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from reconciler.app.error_codes import error_code
from reconciler.app.stop import Terminated
from reconciler.cli.option_values import TextFormat
from reconciler.cli.terminal.screen import STDOUT_HINT
from reconciler.cli.terminal.standard_streams import discard_stdout
from reconciler.errors import InvalidError, ReconcilerError
from reconciler.escaping import printable
from reconciler.model.diagnostic import Severity
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.diagnostic import Diagnostic

log = logging.getLogger(__name__)

_UNWRITABLE = frozenset({errno.EBADF, errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO})
_HINTS = {
    errno.EMFILE: "raise the limit on open files, for example with `ulimit -n 1024`",
    errno.ENFILE: "close programs that have many open files, or raise the limit of this machine "
    "(fs.file-max)",
    errno.ENOSPC: "free disk space, or set TMPDIR to a directory on another disk",
    errno.EDQUOT: "free disk space, or set TMPDIR to a directory on another disk",
    errno.EFBIG: "raise the limit on file sizes, for example with `ulimit -f unlimited`",
}
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
    """Run a command and return its exit code; if it fails, print the error on stderr.

    If the exit code of the error is in *excused*, the function returns 0 and prints why.
    """
    try:
        return command()
    except (ReconcilerError, Terminated, KeyboardInterrupt) as error:
        if isinstance(error, InvalidError):
            for diagnostic in error.diagnostics:
                _show_finding(diagnostic, log_format)
        code, message = error_code(error)
        _show_error(message, log_format, getattr(error, "hint", ""))
        if code in excused:
            from reconciler.report.wording import excuse

            note = f"exit code 0: {excuse(code)}"
            if log_format is TextFormat.JSON:
                log.info("%s", note)
            else:
                print(f"  {note}", file=sys.stderr)
            return ExitCode.DONE
        return code
    except OSError as error:
        return machine_fault(error, log_format)


def machine_fault(error: OSError, log_format: TextFormat = TextFormat.TEXT) -> ExitCode:
    """Report a fault of the local machine in one line, and return the exit code.

    Other modules report the faults that they expect. This function is for all other faults, for
    example if the process has no free file descriptors.
    """
    log.debug("details of the operating system error", exc_info=error)
    if error.errno in _UNWRITABLE:
        discard_stdout()
    what = os.strerror(error.errno) if error.errno else str(error)
    if error.filename is not None:
        what = f"{os.fsdecode(error.filename)}: {what}"
    elif "temporary directory" in str(error):
        what = "no usable temporary directory was found"
    _show_error(f"this machine cannot run the command: {what}", log_format, _hint(error))
    return ExitCode.ERROR


def closed_output(error: OSError) -> ExitCode:
    """Report in one line that stdout is closed or the disk is full; return the exit code."""
    discard_stdout()
    message = f"cannot write to standard output: {error.strerror or error}"
    hint = "" if error.errno == errno.EPIPE else STDOUT_HINT
    _show_error(message, TextFormat.TEXT, hint)
    return ExitCode.ERROR


def _hint(error: OSError) -> str:
    if "temporary directory" in str(error):
        return "set TMPDIR to a writable directory on a disk with free space"
    return _HINTS.get(error.errno or 0, "check the disks, limits and permissions of this machine")


def show_errors(diagnostics: Iterable[Diagnostic], log_format: TextFormat) -> None:
    """Print the diagnostics that are errors on stderr."""
    for each in diagnostics:
        if each.severity is Severity.ERROR:
            _show_finding(each, log_format)


def _show_error(message: str, log_format: TextFormat, hint: str = "") -> None:
    if log_format is TextFormat.JSON:
        log.error("%s", message, extra={"hint": hint} if hint else {})
        return
    print(printable(f"error: {message}"), file=sys.stderr)
    if hint:
        print(f"  hint: {printable(hint)}", file=sys.stderr)


def _show_finding(diagnostic: Diagnostic, log_format: TextFormat) -> None:
    if log_format is TextFormat.TEXT:
        from reconciler.report.findings import finding_lines
        from reconciler.report.terminal_layout import Paint

        print("\n".join(finding_lines((diagnostic,), Paint(enabled=False))), file=sys.stderr)
        return
    from reconciler.report.json_values import diagnostic_document

    fields: dict[str, Any] = diagnostic_document(diagnostic)
    del fields["severity"], fields["message"]
    log.log(_LEVELS[diagnostic.severity], "%s", diagnostic.message, extra=fields)
