"""``Tracer``: writes a line of JSON about each VM whose change has ended."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from reconciler.app import output_files
from reconciler.report.json_text import compact
from reconciler.report.trace_line import trace_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from reconciler.model.references import ObjectRef
    from reconciler.model.run.outcome import Outcome, Result, RunReport
    from reconciler.model.run.progress import Progress

log = logging.getLogger(__name__)

MESSAGE = "the change to the VM has ended"
"""The log message that identifies trace lines in the JSON log."""


class Tracer:
    """Writes a line to the log and to a file when the change to a VM ends."""

    def __init__(
        self, *, run_id: str, revision: str, file: IO[str] | None, log: IO[str] | None
    ) -> None:
        self._run_id, self._revision = run_id, revision
        self._file, self._log = file, log
        self._written: dict[ObjectRef, Result] = {}
        self.problem = ""
        """Why the trace file is incomplete, or an empty string if it is complete."""

    def __call__(self, progress: Progress) -> None:
        """Write a trace line if the step is the last one for a VM."""
        if progress.outcome is not None:
            self._write(progress.outcome, progress.at)

    def finish(self, report: RunReport) -> None:
        """Write a trace line for each VM that has none yet, or whose result has changed."""
        for each in report.outcomes:
            if self._written.get(each.ref) is not each.result:
                self._write(each, report.ended_at)

    def _write(self, outcome: Outcome, at: datetime) -> None:
        if not outcome.ref.is_vm:
            return
        self._written[outcome.ref] = outcome.result
        fields = trace_document(outcome, run_id=self._run_id, revision=self._revision, at=at)
        self._append(fields)
        _print(self._log, {"level": "info", "ts": fields["ts"], "msg": MESSAGE, **fields})

    def _append(self, fields: dict[str, Any]) -> None:
        """Append a line to the trace file; a full disk ends the trace but not the rollout."""
        try:
            _print(self._file, fields)
        except OSError as error:
            words = "the --trace file is incomplete, because a line could not be written"
            self.problem = f"{words}: {error.strerror}"
            log.error("%s", self.problem)  # noqa: TRY400 - no stack for users
            self._file = None


@contextmanager
def open_tracer(
    file: Path | None, *, run_id: str, revision: str, log: IO[str] | None
) -> Iterator[Tracer]:
    """Open a tracer that appends lines to a file and to a log.

    Raises:
        UsageError: The file cannot be opened for writing.
    """
    opened = output_files.open_to_append(file, "--trace") if file else None
    try:
        yield Tracer(run_id=run_id, revision=revision, file=opened, log=log)
    finally:
        if opened is not None:
            # Closing writes the line again that a full disk rejected; the tracer reported it.
            with suppress(OSError):
                opened.close()


def _print(stream: IO[str] | None, fields: dict[str, Any]) -> None:
    if stream is not None:
        stream.write(compact(fields) + "\n")
        stream.flush()
