"""The terminal: its width and colours, results on stdout, everything else on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from reconciler.cli.options import LogOptions

MAX_WIDTH = 160
PIPE_WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How text may be laid out on a stream."""

    width: int
    color: bool
    terminal: bool


def look(stream: TextIO) -> Look:
    """Colours and the real width only on a terminal; ``NO_COLOR`` and ``TERM=dumb`` respected."""
    terminal = stream.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = shutil.get_terminal_size().columns if terminal else PIPE_WIDTH
    return Look(
        width=min(width, MAX_WIDTH), color=terminal and not plain, terminal=terminal and not plain
    )


def result(text: str) -> None:
    """Print what the command is for."""
    stream((text if text.endswith("\n") else text + "\n",))


def stream(pieces: Iterable[str]) -> None:
    """Print what the command is for, each piece as it is made."""
    sys.stdout.writelines(pieces)
    sys.stdout.flush()


def logging(options: LogOptions) -> None:
    """Send log records to stderr."""
    from reconciler.cli.terminal.log_format import configure

    configure(
        log_format=options.log_format,
        verbosity=options.verbose,
        color=look(sys.stderr).color,
    )
