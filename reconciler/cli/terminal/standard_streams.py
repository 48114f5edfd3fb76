r"""``prepare_streams``: makes stdin, stdout and stderr usable, even if they are closed.

- A closed stream gets an unusable file descriptor. Otherwise, the next file or connection would
  get the number of the closed descriptor, and would receive the program's output.
- A character that the terminal's encoding lacks is written as ``\u00e9``, which is valid in JSON.
- Writing to stderr never fails: a full disk or a closed pipe must not end a rollout.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

_ESCAPE = "reconciler_escape"


class _TolerantFile(io.FileIO):
    """An output stream that discards what it cannot write."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare_streams() -> None:
    """Replace the standard streams of this process; call this before any file is opened."""
    codecs.register_error(_ESCAPE, _escaped)
    for descriptor, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            # The system returns the smallest free descriptor, which is this one.
            os.open(os.devnull, flags)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - no path
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_TolerantFile(2, "w", closefd=False)),
        encoding=encoding,
        errors=_ESCAPE,
        line_buffering=True,
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_ESCAPE)


def discard_stdout() -> None:
    """Discard the buffered output on stdout, so that Python does not fail at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:
        sys.stdout = io.StringIO()


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Return JSON escape sequences for characters that the output's encoding cannot represent."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end
