"""``configure``: sends logs to stderr, as text or as one JSON object per line."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Any

from reconciler.cli.option_values import TextFormat
from reconciler.escaping import printable, printable_traceback
from reconciler.report.json_text import compact
from reconciler.report.json_values import timestamp
from reconciler.report.terminal_layout import Paint, Tone

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_SECRET = re.compile(r"(?<=://)[^/\s@]+(?=@)|(?<=\bBearer )\S+", re.IGNORECASE)
_TONES = {"debug": Tone.FAINT, "warning": Tone.WARN, "error": Tone.BAD, "critical": Tone.BAD}


def configure(
    *,
    log_format: TextFormat = TextFormat.TEXT,
    verbosity: int = 0,
    color: bool = False,
    stream: IO[str] | None = None,
) -> None:
    """Send all log records to a stream; a later call replaces earlier settings.

    Args:
        log_format: Whether to write text or lines of JSON.
        verbosity: 1 shows debug records of this package, and 2 also each request. Other packages
            show only warnings and errors, because their debug records contain bodies and headers.
        color: Whether text is colored; JSON never is.
        stream: The stream; None uses the value of ``sys.stderr`` when a line is written.
    """
    handler = _Lines(stream)
    text = _Text(Paint(enabled=color))
    handler.setFormatter(_Json() if log_format is TextFormat.JSON else text)
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Lines)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("reconciler").setLevel(logging.DEBUG if verbosity else logging.INFO)
    logging.getLogger("reconciler.requests").setLevel(
        logging.DEBUG if verbosity > 1 else logging.INFO
    )


class _Lines(logging.Handler):
    """A log handler that writes one line per record to a stream, by default ``sys.stderr``."""

    def __init__(self, stream: IO[str] | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = self._stream or sys.stderr
            stream.write(self.format(record) + "\n")
            stream.flush()
        except Exception:  # noqa: BLE001 - a handler reports its errors and does not raise them
            self.handleError(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": record.levelname.lower(),
            "ts": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "msg": _safe(record.getMessage()),
            **_extras(record),
        }
        if error := _error(record):
            line["error"] = "".join(error)
        return compact(line)


class _Text(logging.Formatter):
    def __init__(self, paint: Paint) -> None:
        super().__init__()
        self._paint = paint

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        head = self._paint(f"{level}:", _TONES.get(level, Tone.NOTE))
        extras = "".join(f" {name}={value}" for name, value in _extras(record).items())
        line = f"{head} {printable(_safe(record.getMessage()))}"
        line += self._paint(printable(extras), Tone.FAINT)
        error = _error(record)
        return f"{line}\n{printable_traceback(error)}" if error else line


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: each for name, each in record.__dict__.items() if name not in _STANDARD}
    return {name: _safe(each) if isinstance(each, str) else each for name, each in found.items()}


def _error(record: logging.LogRecord) -> list[str]:
    """Return an exception's stack frames and message, without its chained exceptions.

    A chained exception can come from the Kubernetes client, whose messages contain headers and
    bodies.
    """
    if not record.exc_info or record.exc_info[1] is None:
        return []
    error = record.exc_info[1]
    frames = traceback.format_tb(error.__traceback__)
    return [_safe(each) for each in (*frames, f"{type(error).__name__}: {error}")]


def _safe(text: str) -> str:
    """Return a string with bearer tokens, and the credentials in URLs, removed."""
    return _SECRET.sub("***", text)
