"""Prints results on stdout, and determines the width and the colors of a stream."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.cli.terminal.standard_streams import discard_stdout
from reconciler.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from reconciler.cli.option_values import TextFormat
    from reconciler.cli.options import LogOptions

MAX_WIDTH = 160
STDOUT_HINT = "free disk space, or redirect standard output to another file"
UNWRAPPED = 1_000_000
"""The output width if stdout is not a terminal; it is so large that no line is wrapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The width and the colors of an output stream."""

    width: int
    color: bool
    terminal: bool


FILE = Style(width=UNWRAPPED, color=False, terminal=False)
"""The style of text that is written to a file."""


def style_of(stream: TextIO) -> Style:
    """Return the width and the colors of an output stream.

    ``NO_COLOR`` and ``TERM=dumb`` disable colors; ``FORCE_COLOR`` enables colors without a
    terminal.
    """
    terminal = stream.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    forced = os.environ.get("FORCE_COLOR", "") not in {"", "0"}
    return Style(
        width=min(shutil.get_terminal_size().columns, MAX_WIDTH) if terminal else UNWRAPPED,
        color=(terminal or forced) and not plain,
        terminal=terminal and not plain,
    )


def can_ask() -> bool:
    """Return whether a user can see a question on stderr and answer on stdin."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> bool:
    """Ask a question on stderr; return True only for the reply ``y`` or ``yes``."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def result(text: str) -> None:
    """Print a command's result on stdout."""
    stream((text if text.endswith("\n") else text + "\n",))


def stream(pieces: Iterable[str]) -> None:
    """Print the parts of a command's result on stdout, each as soon as it is available.

    Raises:
        OutputError: stdout is closed, or is a file on a full disk.
    """
    try:
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
    except OSError as error:
        discard_stdout()
        raise OutputError(
            f"cannot write to standard output: {error.strerror or error}",
            hint="" if error.errno == errno.EPIPE else STDOUT_HINT,
        ) from error


def document(pieces: Iterable[str], log_format: TextFormat) -> None:
    """Print JSON on stdout, on a single line if the log is also in JSON."""
    from reconciler.cli.option_values import TextFormat
    from reconciler.report.json_text import one_line

    stream(pieces if log_format is TextFormat.TEXT else (one_line(pieces),))


def logging(options: LogOptions) -> None:
    """Set up the log of a command, which goes to stderr."""
    from reconciler.cli.terminal.log_format import configure

    configure(
        log_format=options.log_format,
        verbosity=options.verbose,
        color=style_of(sys.stderr).color,
    )
